package piwebapi

import (
	"context"
	"fmt"
	"strings"
	"time"

	pi "telegraf-ipvs/internal/piwebapi"
)

// written is the answer to one value and what stands at its time afterwards.
type written struct {
	reply *pi.TrialReply
	found []pi.TimedValue
	taken bool // the answer is a success for the value too
}

// write sends one value and looks for it.
func (a *acceptance) write(ctx context.Context, update, buffer string, v testValue) (*written, error) {
	streams := []testStream{{a.subject.WebID, []testValue{v}}}
	r, err := a.send(ctx, update, buffer, streams, false)
	if err != nil {
		return nil, err
	}
	w := &written{reply: r, taken: r.OK()}
	if list := substatuses(r, streams); r.OK() && list != nil {
		w.taken = list[0][0].good()
	}
	if w.taken {
		w.found, err = a.wait(ctx, v.at)
	} else {
		w.found, err = a.read(ctx, v.at)
	}
	return w, err
}

// plain judges a write that ought to go well.
func (a *acceptance) plain(w *written, v testValue) finding {
	state := a.subject.describeFound(v.json, w.found)
	f := finding{mark: markOK, seen: fmt.Sprintf("%s, %s after %v", describeReply(w.reply), state, w.reply.Took.Round(100*time.Microsecond))}
	if list := w.reply.Body; w.reply.OK() && len(list) > 0 {
		const most = 160
		f.seen += fmt.Sprintf(", answer %.*s", most, list)
	}
	switch {
	case !w.taken:
		f.mark, f.end = markFail, true
		f.advice = "let the user write to the point: the identity that PI maps it to needs write access to the data of that point (data security)"
	case state != "stored":
		f.mark = markNote
	}
	return f
}

func (a *acceptance) writeDirect(ctx context.Context) finding {
	v := a.subject.good(goodLabel)
	w, err := a.write(ctx, "NoReplace", doNotBuffer, v)
	if err != nil {
		return failed(err)
	}
	f := a.plain(w, v)
	if f.mark == markNote {
		f.advice = "look at the point in a PI client: if the value is not there, writes are lost; if it is, let the user read the point too"
	}
	return f
}

func (a *acceptance) writeBuffered(ctx context.Context) finding {
	v := a.subject.good(goodLabel)
	w, err := a.write(ctx, "NoReplace", bufferIfPossible, v)
	if err != nil {
		return failed(err)
	}
	f := a.plain(w, v)
	f.end = false
	switch {
	case f.mark == markFail:
		f.advice = `set buffer_option = "DoNotBuffer"`
	case w.reply.Status == 202:
		f.seen += " (202 says accepted: what the archive refuses later is lost without notice)"
		f.advice = `for an error for each refused value set buffer_option = "DoNotBuffer"`
	}
	return f
}

// Three trials are about one time: a first value, the same again, and another.

func (a *acceptance) resend(ctx context.Context) finding {
	p := a.subject
	p.kept = p.good(goodLabel)
	if first, err := a.write(ctx, "NoReplace", doNotBuffer, p.kept); err != nil {
		return failed(err)
	} else if state := p.describeFound(p.kept.json, first.found); state != "stored" {
		p.kept = testValue{}
		return finding{mark: markSkip, seen: "the first value is " + state + ", so nothing can be seen"}
	}
	w, err := a.write(ctx, "NoReplace", doNotBuffer, p.kept)
	if err != nil {
		return failed(err)
	}
	f := finding{mark: markOK, seen: describeReply(w.reply) + ", " + p.describeKept(w.found)}
	switch {
	case len(w.found) > 1:
		f.mark, f.advice = markFail, `resends are stored twice: set resend_option = "Replace", and update_option too`
	case !w.taken:
		f.mark, f.advice = markFail, `resends become dead letters: set resend_option = "Replace"`
	case len(w.found) == 1 && w.found[0].Substituted:
		f.mark = markNote
	}
	return f
}

func (a *acceptance) noReplace(ctx context.Context) finding {
	p := a.subject
	if p.kept.json == "" {
		return finding{mark: markSkip, seen: "nothing can be seen, see above"}
	}
	other := testValue{p.kept.at, p.value(), goodLabel}
	w, err := a.write(ctx, "NoReplace", doNotBuffer, other)
	if err != nil {
		return failed(err)
	}
	f := finding{mark: markOK, seen: describeReply(w.reply) + ", " + p.describeKept(w.found)}
	switch {
	case len(w.found) == 1 && p.same(p.kept.json, w.found[0].Value):
	case len(w.found) > 1:
		f.mark, f.advice = markFail, `both are stored: set update_option and resend_option to "Replace"`
	default:
		f.mark = markNote
	}
	return f
}

func (a *acceptance) replace(ctx context.Context) finding {
	p := a.subject
	if p.kept.json == "" {
		return finding{mark: markSkip, seen: "nothing can be seen, see above"}
	}
	p.kept.json = p.differing()
	w, err := a.write(ctx, "Replace", doNotBuffer, p.kept)
	if err != nil {
		return failed(err)
	}
	f := finding{mark: markOK, seen: describeReply(w.reply) + ", " + p.describeKept(w.found)}
	if len(w.found) != 1 || !p.same(p.kept.json, w.found[0].Value) {
		f.mark, f.advice = markNote, `do not count on "Replace" for update_option and resend_option`
	}
	return f
}

// differing returns a value that is not the one that is kept.
func (p *testPoint) differing() string {
	for range 3 {
		if v := p.value(); v != p.kept.json {
			return v
		}
	}
	return p.value()
}

// describeKept says what stands at the time of the kept value.
func (p *testPoint) describeKept(found []pi.TimedValue) string {
	if len(found) == 0 {
		return "nothing is visible there"
	}
	var list []string
	for _, v := range found {
		text := "another value"
		if p.same(p.kept.json, v.Value) {
			text = "the value"
		}
		const most = 60
		text += fmt.Sprintf(" %.*s", most, v.Value)
		if v.Substituted {
			text += " (marked as substituted)"
		}
		list = append(list, text)
	}
	return "now there: " + strings.Join(list, " and ")
}
