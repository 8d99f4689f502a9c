package execd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// writes records each write.
type writes struct{ all []string }

func (w *writes) Write(p []byte) (int, error) {
	w.all = append(w.all, string(p))
	return len(p), nil
}

// take returns what was written since the last call.
func (w *writes) take() []string {
	all := w.all
	w.all = nil
	return all
}

func TestHandlerLine(t *testing.T) {
	tests := []struct {
		name string
		log  func(*slog.Logger)
		want string
	}{
		{"error", func(l *slog.Logger) { l.Error("Text") }, "E! Text\n"},
		{"warning", func(l *slog.Logger) { l.Warn("Text") }, "W! Text\n"},
		{"info", func(l *slog.Logger) { l.Info("Text") }, "I! Text\n"},
		{"debug", func(l *slog.Logger) { l.Debug("Text") }, "D! Text\n"},
		{"between levels", func(l *slog.Logger) { l.Log(context.Background(), slog.LevelError-1, "Text") }, "W! Text\n"},
		{"below debug", func(l *slog.Logger) { l.Log(context.Background(), slog.LevelDebug-1, "Text") }, ""},
		{"attributes", func(l *slog.Logger) {
			l.Info("Text", "a", 1, "b", "x", "c", 1500*time.Millisecond, "d", errors.New("no route"), "e", true, "f", time.Unix(0, 0).UTC(), "g", nil)
		}, "I! Text a=1 b=x c=1.5s d=\"no route\" e=true f=1970-01-01T00:00:00Z g=<nil>\n"},
		{"quotes", func(l *slog.Logger) { l.Info("Text", "a", "", "b", `"`, "c", "x=y", "d", "1\n2", "e", "größe") },
			`I! Text a="" b="\"" c="x=y" d="1\n2" e=größe` + "\n"},
		{"newlines", func(l *slog.Logger) { l.Info("One\ntwo\r\nthree\x1b[1m\x00", "k\n", "v") }, `I! One\ntwo\r\nthree\x1b[1m\x00 k\n=v` + "\n"},
		{"not UTF-8", func(l *slog.Logger) { l.Info("a\xffb") }, "I! a\uFFFDb\n"},
		{"plugin", func(l *slog.Logger) { l.With("plugin", "inputs.ipvs").Error("Text", "k", "v") }, "E! [inputs.ipvs] Text k=v\n"},
		{"plugin of the record", func(l *slog.Logger) { l.Error("Text", "plugin", "x\ny") }, `E! [x\ny] Text` + "\n"},
		{"plugin in a group", func(l *slog.Logger) { l.WithGroup("g").Info("Text", "plugin", "x") }, "I! Text g.plugin=x\n"},
		{"groups", func(l *slog.Logger) {
			l.With("a", 1).WithGroup("g").With("b", 2).WithGroup("").Info("Text", slog.Group("h", "c", 3), slog.Group("", "d", 4), slog.Group("empty"), slog.Attr{})
		}, "I! Text a=1 g.b=2 g.h.c=3 g.d=4\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var w writes
			tt.log(slog.New(NewHandler(&w, HandlerOptions{Level: slog.LevelDebug})))
			require.Equal(t, tt.want, strings.Join(w.take(), "|"))
		})
	}
}

func TestHandlerLevel(t *testing.T) {
	var w writes
	var level slog.LevelVar
	l := slog.New(NewHandler(&w, HandlerOptions{Level: &level}))
	l.Debug("one")
	level.Set(slog.LevelDebug)
	l.Debug("two")
	require.Equal(t, []string{"D! two\n"}, w.take())
	slog.New(NewHandler(&w, HandlerOptions{})).Debug("three")
	require.Empty(t, w.take())
}

func TestHandlerCutsLine(t *testing.T) {
	for _, r := range []string{"x", "ß", "日", "🦀"} {
		for size := maxLine - 10; size < maxLine+10; size++ {
			var w writes
			l := slog.New(NewHandler(&w, HandlerOptions{}))
			text := strings.Repeat("x", size%7) + strings.Repeat(r, size/len(r))
			l.Info(text)
			line := w.take()[0]
			require.LessOrEqual(t, len(line), maxLine)
			require.True(t, utf8.ValidString(line))
			if whole := "I! " + text + "\n"; len(whole) <= maxLine {
				require.Equal(t, whole, line)
			} else {
				require.Greater(t, len(line), maxLine-utf8.UTFMax)
				require.True(t, strings.HasSuffix(line, r+"…\n"))
			}
		}
	}
}

func TestHandlerRepeats(t *testing.T) {
	now := time.Unix(0, 0)
	var w writes
	h := NewHandler(&w, HandlerOptions{Now: func() time.Time { return now }})
	l := slog.New(h)

	l.Error("Broken", "code", 1)
	for range 59 {
		now = now.Add(time.Second)
		l.Error("Broken", "code", 1)
	}
	require.Equal(t, []string{"E! Broken code=1\n"}, w.take())

	l.Warn("Broken", "code", 1)
	l.Error("Broken", "code", 2)
	l.Info("Fine")
	l.Info("Fine")
	require.Equal(t, []string{"W! Broken code=1\n", "E! Broken code=2\n", "I! Fine\n", "I! Fine\n"}, w.take(), "other text, other level, no error")

	now = now.Add(30 * time.Second)
	l.Error("Broken", "code", 1)
	require.Equal(t, []string{"E! Broken code=1 (repeated 59 times in the last 1m29s)\n"}, w.take())

	l.Error("Broken", "code", 1)
	now = now.Add(time.Minute)
	l.Info("Fine")
	require.Equal(t, []string{"E! Broken code=1 (repeated 1 times in the last 1m0s)\n", "I! Fine\n"}, w.take(), "it has stopped")

	l.Error("Broken", "code", 1)
	l.Error("Broken", "code", 1)
	require.Len(t, w.take(), 1)
	require.NoError(t, h.Flush())
	require.Empty(t, w.take(), "not before the minute is over")
	now = now.Add(time.Minute)
	require.NoError(t, h.Flush())
	require.Equal(t, []string{"E! Broken code=1 (repeated 1 times in the last 1m0s)\n"}, w.take())

	l.With("plugin", "p").Error("Broken")
	l.Error("Broken", "plugin", "p")
	require.NoError(t, h.Close())
	require.NoError(t, h.Close())
	require.Equal(t, []string{"E! [p] Broken\n", "E! [p] Broken (repeated 1 times in the last 0s)\n"}, w.take())
}

func TestHandlerRepeatsOfLongText(t *testing.T) {
	now := time.Unix(0, 0)
	var w writes
	h := NewHandler(&w, HandlerOptions{Now: func() time.Time { return now }})
	l := slog.New(h)
	long := strings.Repeat("x", 2*maxLine)
	l.Error(long + "1")
	l.Error(long + "2")
	require.Len(t, w.take(), 2, "they differ behind the cut")
	l.Error(long + "2")
	now = now.Add(time.Hour)
	l.Error(long + "2")
	line := w.take()[0]
	require.Len(t, line, maxLine)
	require.True(t, strings.HasSuffix(line, "x… (repeated 1 times in the last 1h0m0s)\n"))
}

func TestHandlerRepeatsAreBounded(t *testing.T) {
	var w writes
	h := NewHandler(&w, HandlerOptions{Now: func() time.Time { return time.Unix(0, 0) }})
	l := slog.New(h)
	for n := range maxRepeats {
		l.Error(fmt.Sprint("Broken ", n))
	}
	l.Error("Broken 0")
	require.Len(t, w.take(), maxRepeats)
	l.Error("One too many")
	require.Equal(t, []string{"E! Broken 0 (repeated 1 times in the last 0s)\n", "E! One too many\n"}, w.take())
	require.Len(t, h.shared.seen.byID, maxRepeats)
	require.Len(t, h.shared.seen.age, maxRepeats)
}

func TestHandlerWriteError(t *testing.T) {
	r, w := io.Pipe()
	broken := errors.New("broken")
	require.NoError(t, r.CloseWithError(broken))
	h := NewHandler(w, HandlerOptions{})
	require.ErrorIs(t, h.Handle(t.Context(), slog.NewRecord(time.Time{}, slog.LevelInfo, "Text", 0)), broken)
}

func TestHandlerInfo(t *testing.T) {
	now := time.Unix(0, 0)
	var problems, info writes
	h := NewHandler(&problems, HandlerOptions{Level: slog.LevelDebug, Info: &info, Now: func() time.Time { return now }})
	l := slog.New(h)
	l.Debug("one")
	l.Info("two")
	l.Info("two")
	l.Warn("three")
	l.With("plugin", "p").Error("four")
	l.Error("five")
	l.Error("five")
	require.Equal(t, []string{"D! one\n", "I! two\n", "I! two\n"}, info.take())
	require.Equal(t, []string{"W! three\n", "E! [p] four\n", "E! five\n"}, problems.take())

	now = now.Add(time.Minute)
	l.Info("six")
	require.Equal(t, []string{"I! six\n"}, info.take())
	require.Equal(t, []string{"E! five (repeated 1 times in the last 1m0s)\n"}, problems.take(), "what is told about errors goes where they went")
	l.Info("seven")
	require.NoError(t, h.Close())
	require.Equal(t, []string{"I! seven\n"}, info.take())
	require.Empty(t, problems.take())
}

func TestHandlerConcurrent(t *testing.T) {
	var w writes
	h := NewHandler(&w, HandlerOptions{})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			l := slog.New(h).With("plugin", fmt.Sprint(n))
			for range 100 {
				l.Error("Broken")
			}
		})
	}
	wg.Wait()
	require.NoError(t, h.Close())
	require.Len(t, w.take(), 16)
}

// TestHandlerConforms runs the tests of the standard library, on lines made into the maps that they want.
func TestHandlerConforms(t *testing.T) {
	var buf bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		buf.Reset()
		return NewHandler(&buf, HandlerOptions{})
	}, func(t *testing.T) map[string]any {
		m := map[string]any{slog.TimeKey: "by Telegraf", slog.LevelKey: buf.String()[:1]}
		if strings.HasSuffix(t.Name(), "/zero-time") {
			delete(m, slog.TimeKey)
		}
		line := strings.TrimSpace(buf.String()[3:])
		m[slog.MessageKey], _, _ = strings.Cut(line, " ")
		for _, kv := range regexp.MustCompile(`(\S+)=(\S+)`).FindAllStringSubmatch(line, -1) {
			at := m
			path := strings.Split(kv[1], ".")
			for _, group := range path[:len(path)-1] {
				if at[group] == nil {
					at[group] = map[string]any{}
				}
				at = at[group].(map[string]any)
			}
			at[path[len(path)-1]] = kv[2]
		}
		return m
	})
}

func FuzzHandler(f *testing.F) {
	f.Add("Text", "key", "value")
	f.Add("a\nb\xff\u2028", "k =", strings.Repeat("ß\x00", maxLine))
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, message, key, value string) {
		var w writes
		slog.New(NewHandler(&w, HandlerOptions{})).Warn(message, slog.String(key, value), slog.String("plugin", value))
		all := w.take()
		require.Len(t, all, 1)
		line := all[0]
		require.True(t, strings.HasPrefix(line, "W! "))
		require.LessOrEqual(t, len(line), maxLine)
		require.True(t, utf8.ValidString(line))
		require.Equal(t, len(line)-1, strings.IndexFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }), "%q", line)
	})
}
