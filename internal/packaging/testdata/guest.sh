# Runs in a guest whose kernel has IPVS: starts systemd with telegraf-ipvs.service,
# and prints what the service has gathered. Its receiver is not there, so that all
# of it waits in the queue.
set -e
tar --extract --file /systemd.tar --directory / --no-same-owner

mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /home /var/lib
: >/etc/machine-id
echo 'telegraf-ipvs:x:990:990::/:/usr/sbin/nologin' >>/etc/passwd
echo 'telegraf-ipvs:x:990:' >>/etc/group

ipvsadm -A -t 10.0.0.1:80 -s rr
ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.2:80 -m
ip netns add blue
ip netns exec blue ipvsadm -A -u 10.0.0.3:53 -s wrr

env -i container=guest PATH="$PATH" unshare --mount --pid --fork --mount-proc --kill-child \
	/usr/lib/systemd/systemd --unit=multi-user.target --show-status=no --log-target=console >&2 &

# The service has a gather every second.
tries=0
until telegraf-ipvs queue list --config /etc/telegraf-ipvs/bridge.conf >/run/list 2>/run/error && grep -q namespace=blue /run/list; do
	tries=$((tries + 1))
	if [ $tries = 120 ]; then
		cat /run/error /run/service.log >&2
		exit 1
	fi
	sleep 1
done
cat /run/list
echo "--- service"
cat /run/service.log
