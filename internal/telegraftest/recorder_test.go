package telegraftest

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// failing runs what has to fail a test, and returns why it did.
func failing(t *testing.T, do func(testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t}
	r.run(do)
	require.True(t, r.failed, "the test did not fail")
	return r.text
}

// A recorder is a test whose failure is kept, and is not one of the real test.
type recorder struct {
	testing.TB
	failed, skipped bool
	text            string
}

func (r *recorder) run(do func(testing.TB)) {
	done := make(chan struct{})
	go func() { // which FailNow ends
		defer close(done)
		do(r)
	}()
	<-done
}

func (r *recorder) Helper() {}

func (r *recorder) Error(args ...any) {
	r.failed = true
	r.text += fmt.Sprintln(args...)
}

func (r *recorder) FailNow() {
	r.failed = true
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	r.FailNow()
}

func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }

func (r *recorder) Skip(args ...any) {
	r.skipped = true
	r.text += fmt.Sprintln(args...)
	runtime.Goexit()
}
