package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/childtest"
	"telegraf-ipvs/internal/piwebapi/piwebapitest"
)

// strict makes the service die of a system call that its unit does not allow,
// where it otherwise would only be refused it, and shows what the service says.
const strict = `[Service]
SystemCallErrorNumber=kill
StandardOutput=append:/run/service.log
StandardError=append:/run/service.log
LoadCredential=pi.password:/etc/telegraf-ipvs/pi.password
RestartSec=1s
`

// bridgeConfig is a bridge with a listener, which the test feeds, and with IPVS,
// which this machine need not have.
const bridgeConfig = `[agent]
  interval = "1s"
  log_level = "debug"
  hostname = ""
[[inputs.ipvs]]
[[inputs.opentsdb]]
  http_address = %q
  queue_path = "/var/lib/telegraf-ipvs/opentsdb"
  status_address = %q
  default_namespace = { account_id = 1, check_uuid = "549a90ee-c5bb-4b0f-bcb4-e942b0503f85", check_name = "x" }
  account_id_tag = ""
  check_uuid_tag = ""
  check_name_tag = ""
  check_category_tag = ""
[[outputs.pi_webapi]]
  url = %q
  tls_ca = "/etc/telegraf-ipvs/ca.pem"
  data_server = "PISRV1"
  auth = "basic"
  username = "svc-telegraf"
  password_file = "${CREDENTIALS_DIRECTORY:-/etc/telegraf-ipvs}/pi.password"
  queue_path = "/var/lib/telegraf-ipvs/pi"
  create_points = true
  send_interval = "10ms"
`

// A site is a machine with the package, and a PI Web API beside it.
type site struct {
	*machine
	pi           *piwebapitest.Server
	url          string // of it
	http, status string // addresses of the listener
	sent         int
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{machine: startMachine(t), http: childtest.Address(t), status: childtest.Address(t)}
	s.install(first)
	return s
}

// install has dpkg install a version of the package. Others' triggers, such as the
// index of all man pages, take long and have no part in it.
func (s *site) install(version string) string {
	s.t.Helper()
	data, err := os.ReadFile(deb(s.t, version))
	require.NoError(s.t, err)
	s.write("/package.deb", string(data), 0o644)
	return s.run("dpkg", "--no-triggers", "--install", "/package.deb")
}

// configure does what an administrator does after the installation.
func (s *site) configure() {
	s.t.Helper()
	var err error
	s.pi, err = piwebapitest.New(piwebapitest.Config{ServerName: "PISRV1", Auth: piwebapitest.Auth{User: "svc-telegraf", Password: "sesame"}})
	require.NoError(s.t, err)
	server := httptest.NewTLSServer(s.pi)
	s.t.Cleanup(func() { s.pi.Close(); server.Close() })
	s.url = server.URL + "/piwebapi"
	s.write("/etc/telegraf-ipvs/bridge.conf", fmt.Sprintf(bridgeConfig, s.http, s.status, s.url), 0o644)
	s.write("/etc/telegraf-ipvs/pi.password", "sesame\n", 0o600)
	s.write("/etc/telegraf-ipvs/ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})), 0o644)
	s.write("/etc/systemd/system/"+unit+".d/test.conf", strict, 0o644)
	s.run("systemctl", "daemon-reload")
}

// send gives a value to the listener, and waits for its acknowledgement.
func (s *site) send() {
	s.t.Helper()
	body := fmt.Sprintf(`[{"metric":"flow","timestamp":%d,"value":%d,"tags":{"pump":"1"}}]`, 1767225600+s.sent, s.sent)
	eventually(s.t, func() bool {
		reply, err := http.Post("http://"+s.http+"/api/put", "application/json", strings.NewReader(body))
		if err != nil {
			return false
		}
		defer reply.Body.Close()
		_, _ = io.Copy(io.Discard, reply.Body)
		return reply.StatusCode < 300
	}, "an acknowledgement", s.said)
	s.sent++
}

// arrived waits until PI has everything that was sent, each value at its time.
func (s *site) arrived() {
	s.t.Helper()
	var got []string
	point := func() bool {
		got = nil
		for _, p := range s.pi.Points() {
			for _, e := range s.pi.Stored(p.Path) {
				got = append(got, fmt.Sprintf("%s %s %v", p.Path, e.Time.Format(time.RFC3339), e.Value))
			}
		}
		return len(got) >= s.sent
	}
	eventually(s.t, point, fmt.Sprintf("%d values in PI", s.sent), func() string { return strings.Join(got, "\n") }, s.said)
	s.t.Log(strings.Join(got, "\n"))
	require.Len(s.t, got, s.sent)
}

// said is what the service has written.
func (s *site) said() string { return s.read("/run/service.log") }
