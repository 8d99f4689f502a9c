package option

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config/configtest"
	"telegraf-ipvs/internal/queue"
)

func TestValidateQueue(t *testing.T) {
	for _, test := range []struct {
		name string
		o    Queue
		want []string
	}{
		{"well", Queue{QueuePath: "/q"}, nil},
		{"no path", Queue{}, []string{`queue_path is not set: want a directory of its own that survives restarts, such as "/var/lib/x"`}},
		{"relative path", Queue{QueuePath: "q"}, []string{`queue_path = "q": want an absolute path`}},
		{"another word", Queue{QueuePath: "/q", QueueFull: "drop"}, []string{`queue_full = "drop": want one of ["block" "drop_oldest"]`}},
		{"small", Queue{QueuePath: "/q", QueueMaxSize: bytes(1000)}, []string{`queue_max_size = "1kB": want 1MiB to`}},
		{"short", Queue{QueuePath: "/q", QueueMaxAge: *dur(time.Second)}, []string{`queue_max_age = "1s": want at least 1m`}},
		{"several", Queue{QueueFull: "x", QueueMaxAge: *dur(time.Second)}, []string{"queue_path", "queue_full", "queue_max_age"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := test.o
			o.SetDefaults()
			configtest.RequireProblems(t, o.Validate("/var/lib/x"), test.want)
		})
	}
}

func TestQueueConfig(t *testing.T) {
	o := Queue{QueuePath: "/q", QueueMaxSize: bytes(1), QueueMaxAge: *dur(time.Hour), QueueFull: "drop_oldest"}
	require.Equal(t, queue.Config{Dir: "/q", MaxSize: 1, MaxAge: time.Hour, WhenFull: queue.DropOldest}, o.Config())
	o = Queue{QueuePath: "/q"}
	o.SetDefaults()
	require.Equal(t, queue.Config{Dir: "/q", MaxSize: 1 << 30, WhenFull: queue.Block}, o.Config())
}

func TestValidateOutput(t *testing.T) {
	for _, test := range []struct {
		name string
		o    Output
		want []string
	}{
		{"well", Output{StatusAddress: ":9273"}, nil},
		{"long line", Output{MaxLine: bytes(1 << 20)}, nil},
		{"line of more than half of the queue", Output{MaxLine: bytes(1<<20 + 1)}, []string{"want at most half of queue_max_size = \"2MiB\""}},
		{"dead letters", Output{DeadLetterMaxSize: bytes(1)}, []string{`dead_letter_max_size = "1B": want 64KiB to`}},
		{"hold time", Output{HoldTime: dur(0)}, []string{`hold_time = "0s": want 1m to 366d`}},
		{"ahead", Output{MaxAhead: dur(-1)}, []string{"max_ahead"}},
		{"flush interval", Output{FlushInterval: dur(0)}, []string{"flush_interval"}},
		{"send interval", Output{SendInterval: dur(time.Hour)}, []string{`send_interval = "1h": want 0s to 1m`}},
		{"requests", Output{RequestsInFlight: 1000}, []string{"requests_in_flight = 1000: want 1 to 64"}},
		{"status address without port", Output{StatusAddress: "9273"}, []string{`status_address = "9273"`}},
		{"several", Output{HoldTime: dur(0), RequestsInFlight: -1, StatusAddress: "x:"}, []string{"hold_time", "requests_in_flight", "status_address"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			q, o := Queue{QueueMaxSize: bytes(2 << 20)}, test.o
			o.SetDefaults()
			configtest.RequireProblems(t, o.Validate(&q), test.want)
		})
	}
}
