package execd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// maxLine is the length that a log line may have, its newline included. inputs.execd stops reading stderr for good
// at one of 64 KiB; far less is better still, because its pipe holds no more than that.
const maxLine = 4096

// HandlerOptions configures a [Handler]. The zero value is ready for use.
type HandlerOptions struct {
	// Level is the least level that is written. Nil means [slog.LevelInfo].
	Level slog.Leveler
	// Once is for how long a warning or error that was written is not written again. Zero means one minute.
	Once time.Duration
	// Now is the clock by which Once passes. Nil means [time.Now].
	Now func() time.Time
	// Info is where records below [slog.LevelWarn] go. Nil means the same writer as the others. The child of
	// outputs.execd sets it to its stdout: there the host logs what it reads from stderr as errors and what it reads
	// from stdout as information (plugins/outputs/execd/execd.go).
	Info io.Writer
}

// Handler is a [slog.Handler] that writes what inputs.execd understands on a child's stderr: one line per record,
// by one write, that begins with the level as "E! ", "W! ", "I! " or "D! ". There is no time in it, Telegraf adds
// its own. Attributes follow the message as key=value; the one with the key "plugin" goes before it, in brackets.
// A line has at most 4096 bytes and ends in "…" if it was cut.
//
// A warning or error that comes again within a minute is counted instead of written, and the count is told by the
// next such line, or by a line of its own when the minute is over and something else is written, or by Close. The
// last 1000 different ones are remembered.
//
// It is safe for concurrent use.
type Handler struct {
	shared *shared
	level  slog.Leveler
	plugin string
	attrs  string // rendered, each with a space before it
	group  string // prefix of the keys to come
}

// shared is what a Handler has in common with those derived from it.
type shared struct {
	mu   sync.Mutex
	w    io.Writer // warnings and errors, and what is told about them later
	info io.Writer // the others
	seen repeats
}

// NewHandler returns a Handler that writes to w, and to opt.Info if that is set.
func NewHandler(w io.Writer, opt HandlerOptions) *Handler {
	if opt.Level == nil {
		opt.Level = slog.LevelInfo
	}
	if opt.Once <= 0 {
		opt.Once = time.Minute
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Info == nil {
		opt.Info = w
	}
	return &Handler{level: opt.Level, shared: &shared{w: w, info: opt.Info, seen: newRepeats(opt.Once, opt.Now)}}
}

// Enabled implements [slog.Handler].
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level.Level() }

// Handle implements [slog.Handler]. The error is that of the write.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	plugin, attrs := h.plugin, []byte(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = appendAttr(attrs, &plugin, h.group, a)
		return true
	})
	text := []byte(prefix(r.Level))
	if plugin != "" {
		text = append(appendOneLine(append(text, '['), plugin), "] "...)
	}
	text = append(appendOneLine(text, r.Message), attrs...)
	return h.shared.write(string(text), r.Level >= slog.LevelWarn)
}

// WithAttrs implements [slog.Handler].
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	b := []byte(c.attrs)
	for _, a := range attrs {
		b = appendAttr(b, &c.plugin, c.group, a)
	}
	c.attrs = string(b)
	return &c
}

// WithGroup implements [slog.Handler].
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	c := *h
	c.group += name + "."
	return &c
}

// Flush writes the counts of warnings and errors that were not written and whose minute is over. It is good to call
// it once in a while when there may be nothing else to write.
func (h *Handler) Flush() error {
	s := h.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.expired(s.line)
}

// Close writes the counts of all warnings and errors that were not written. It does not close the underlying
// writer, and the Handler remains usable.
func (h *Handler) Close() error {
	s := h.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.all(s.line)
}

func (s *shared) write(text string, limited bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	suffix := ""
	if limited {
		var again bool
		if suffix, again = s.seen.add(text); again {
			return nil
		}
	}
	if err := s.seen.expired(s.line); err != nil {
		return err
	}
	if !limited {
		return writeLine(s.info, text, "")
	}
	return s.line(text, suffix)
}

// line writes a warning or an error.
func (s *shared) line(text, suffix string) error { return writeLine(s.w, text, suffix) }

func writeLine(w io.Writer, text, suffix string) error {
	_, err := io.WriteString(w, cutText(text, maxLine-len(suffix)-1)+suffix+"\n")
	return err
}

func prefix(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "E! "
	case level >= slog.LevelWarn:
		return "W! "
	case level >= slog.LevelInfo:
		return "I! "
	}
	return "D! "
}

// appendAttr appends " key=value" to b, or sets plugin.
func appendAttr(b []byte, plugin *string, group string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	switch {
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, a := range v.Group() {
			b = appendAttr(b, plugin, group, a)
		}
		return b
	case a.Equal(slog.Attr{}):
		return b
	case a.Key == "plugin" && group == "":
		*plugin = v.String()
		return b
	}
	var text string
	if v.Kind() == slog.KindTime {
		text = v.Time().Format(time.RFC3339Nano)
	} else {
		text = fmt.Sprint(v.Any())
	}
	b = append(appendOneLine(append(b, ' '), group+a.Key), '=')
	if text == "" || strings.ContainsFunc(text, needsQuote) {
		return strconv.AppendQuote(b, text)
	}
	return append(b, text...)
}

func needsQuote(r rune) bool {
	return r == ' ' || r == '"' || r == '=' || r == utf8.RuneError || !strconv.IsPrint(r)
}

// appendOneLine appends s with what would break a line, or a terminal, escaped as Go does it.
func appendOneLine(b []byte, s string) []byte {
	for _, r := range s {
		if strconv.IsPrint(r) {
			b = utf8.AppendRune(b, r)
		} else {
			q := strconv.QuoteRune(r)
			b = append(b, q[1:len(q)-1]...)
		}
	}
	return b
}

// cutText returns s cut to size bytes, between two characters.
func cutText(s string, size int) string {
	const mark = "…"
	if len(s) <= size {
		return s
	}
	end := size - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}
