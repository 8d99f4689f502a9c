#!/bin/sh
# Writes synthetic signals as line protocol, for Telegraf's inputs.exec. Needs a
# POSIX shell, awk and date, nothing else.
#
#   generate.sh [-s SEED] [-u UNITS] [-n SAMPLES] [-i SECONDS] [-t TIME]
#
#   -s SEED     of 0 to 999999999; another seed gives other curves (1)
#   -u UNITS    how many machines, 1 to 999; each has 7 signals (1)
#   -n SAMPLES  how many samples to write, the last one at TIME (1)
#   -i SECONDS  time between samples (1)
#   -t TIME     of the last sample, in whole seconds since 1970 (now)
#
# Nothing is kept between two runs: a value follows from seed, machine, signal
# and time alone. The same arguments give the same lines, samples written twice
# are the same twice, and samples of the past can be made at any time. A day at
# one sample a minute, to fill a new server:
#
#   generate.sh -u 2 -n 1440 -i 60
#
# The signals of each machine:
#
#   sine    50 +- 50 in 600 s, each machine 50 s behind the one before it
#   ramp    0 to 100 in 900 s, then from 0 again
#   walk    wanders without end, some tens up and down in an hour
#   square  0 for 60 s, 1 for 60 s, a whole number
#   noise   20 +- 1, each value by itself
#   state   a text: stopped, starting, running or tripped, for 300 s at a time
#   on      a truth: whether the state is running
set -eu
LC_ALL=C
export LC_ALL

usage() {
    echo "E! generate.sh: $1; usage: generate.sh [-s SEED] [-u UNITS] [-n SAMPLES] [-i SECONDS] [-t TIME]" >&2
    exit 2
}

seed=1 units=1 samples=1 step=1 time=
while getopts s:u:n:i:t: option; do
    case $option in
    s) seed=$OPTARG ;;
    u) units=$OPTARG ;;
    n) samples=$OPTARG ;;
    i) step=$OPTARG ;;
    t) time=$OPTARG ;;
    *) usage "an option is unknown, or has no value" ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 0 ] || usage "\"$1\" is too much"
[ -n "$time" ] || time=$(date +%s)
for number in "$seed" "$units" "$samples" "$step" "$time"; do
    case $number in
    '' | *[!0-9]* | 0?* | ???????????*) usage "\"$number\" is no whole number, or too large" ;;
    esac
done
[ "$seed" -le 999999999 ] || usage "a seed of $seed is too large, 999999999 is the largest"
[ "$units" -ge 1 ] && [ "$units" -le 999 ] || usage "$units machines cannot be, 1 to 999 can"
[ "$samples" -ge 1 ] && [ "$step" -ge 1 ] || usage "-n and -i have to be 1 or more"
[ "$samples" -le $((time / step + 1)) ] || usage "$samples samples of $step s begin before 1970"

exec awk -v seed="$seed" -v units="$units" -v samples="$samples" -v step="$step" -v last="$time" '
# chance gives a number of 0 to 1 that looks like chance and follows from its
# arguments. All products stay below 2^53, so that every awk calculates the
# same.
function chance(unit, signal, n,    h) {
    h = mix(mix(mix(mix(seed + 1, unit), signal), n), 77)
    return h / 2147483647
}
function mix(h, n,    i) {
    h = (h + n % 2147483647 + 1) % 2147483647
    for (i = 0; i < 3; i++)
        h = (h * 48271 + (h % 32768) * (h % 32749) + 11) % 2147483647
    return h
}
# walk is a curve through heights of chance at every 4096 s. Half way between
# two points that are known lies the next, off their middle by chance, the less
# the nearer they are: a random walk of which any instant can be asked for.
function walk(unit, t,    width, from, low, high, middle, level) {
    width = 4096
    from = t - t % width
    low = 100 * chance(unit, 3, from)
    high = 100 * chance(unit, 3, from + width)
    for (level = 20; width > 1; level *= 0.7071067811865476) {
        width /= 2
        middle = (low + high) / 2 + level * (2 * chance(unit, 4, from + width) - 1)
        if (t >= from + width) {
            from += width
            low = middle
        } else
            high = middle
    }
    return low
}
# sine is that of a number of turns, by its series: some small awks have no sin.
function sine(turns,    x, n, term, sum) {
    turns -= int(turns)
    if (turns > 0.5)
        turns -= 1
    else if (turns < -0.5)
        turns += 1
    if (turns > 0.25)
        turns = 0.5 - turns
    else if (turns < -0.25)
        turns = -0.5 - turns
    x = turns * 6.283185307179586
    term = x
    for (n = 2; n < 20; n += 2) {
        sum += term
        term *= -x * x / (n * (n + 1))
    }
    return sum
}
function line(unit, t,    state, on, n) {
    n = int(4 * chance(unit, 6, int(t / 300)))
    state = n == 0 ? "stopped" : n == 1 ? "starting" : n == 2 ? "running" : "tripped"
    on = n == 2 ? "true" : "false"
    printf "synthetic,unit=U%03d ", unit
    printf "sine=%.4f,", 50 + 50 * sine((t % 600 - 50 * (unit - 1)) / 600)
    printf "ramp=%.4f,", t % 900 / 9
    printf "walk=%.4f,", walk(unit, t)
    printf "square=%di,", int(t / 60) % 2
    printf "noise=%.4f,", 19 + 2 * chance(unit, 5, t)
    printf "state=\"%s\",", state
    # A time in nanoseconds has more digits than a number of awk.
    printf "on=%s %.0f000000000\n", on, t
}
BEGIN {
    for (n = samples - 1; n >= 0; n--)
        for (unit = 1; unit <= units + 0; unit++)
            line(unit, last - n * step)
}'
