package piwebapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	pi "telegraf-ipvs/internal/piwebapi"
)

// A substatus is what the answer to a write says of one value.
type substatus struct {
	Substatus int
	Message   *string
}

func (s substatus) good() bool { return s.Substatus/100 == 2 }

func (s substatus) String() string {
	switch {
	case s.Message == nil:
		return fmt.Sprint(s.Substatus)
	case *s.Message == "":
		return fmt.Sprintf("%d with an empty message", s.Substatus)
	}
	const most = 200
	return fmt.Sprintf(`%d "%.*s"`, s.Substatus, most, *s.Message)
}

// substatuses reads the list of an answer to a write, nil if it does not fit the request.
func substatuses(r *pi.TrialReply, streams []testStream) [][]substatus {
	var body struct {
		Items []struct {
			substatus
			Items []substatus
		}
	}
	if len(r.Body) == 0 || r.Decode(&body) != nil || len(body.Items) != len(streams) {
		return nil
	}
	lists := make([][]substatus, len(streams))
	for i, it := range body.Items {
		switch n := len(streams[i].values); {
		case len(it.Items) == n:
			lists[i] = it.Items
		case len(it.Items) == 1:
			lists[i] = slices.Repeat(it.Items, n)
		case it.Items == nil && it.Substatus != 0:
			lists[i] = slices.Repeat([]substatus{it.substatus}, n)
		default:
			return nil
		}
	}
	return lists
}

// A mixture is a request of good and bad values, and what came of it. Bad values are those with a label that is not
// "good".
type mixture struct {
	reply   *pi.TrialReply
	list    [][]substatus // nil if there is none, or one that does not fit
	told    []string      // of each value, for people
	refused bool          // every bad value, by the request or by itself
	kept    bool          // every good value is visible
	any     bool          // some good value is visible
}

const goodLabel = "good"

// mix writes good and bad values and looks what became of them.
func (a *acceptance) mix(ctx context.Context, buffer string, streams []testStream) (*mixture, error) {
	r, err := a.send(ctx, "NoReplace", buffer, streams, false)
	if err != nil {
		return nil, err
	}
	m := &mixture{reply: r, refused: true, kept: true}
	if r.OK() {
		m.list = substatuses(r, streams)
	}
	for i, s := range streams {
		for k, v := range s.values {
			said := v.label
			refused := !r.OK()
			if m.list != nil {
				said += " " + m.list[i][k].String()
				refused = !m.list[i][k].good()
			}
			if v.label != goodLabel && !refused {
				m.refused = false
			}
			if s.webID != a.subject.WebID {
				m.told = append(m.told, said)
				continue
			}
			found, err := a.look(ctx, v, r.OK() && !refused)
			if err != nil {
				return nil, err
			}
			state := a.subject.describeFound(v.json, found)
			if v.label == goodLabel {
				m.kept, m.any = m.kept && state == "stored", m.any || state == "stored"
			}
			m.told = append(m.told, said+", "+state)
		}
	}
	return m, nil
}

// look waits for a value that should be there, and asks once for one that should not.
func (a *acceptance) look(ctx context.Context, v testValue, expected bool) ([]pi.TimedValue, error) {
	if expected && v.label == goodLabel {
		return a.wait(ctx, v.at)
	}
	return a.read(ctx, v.at)
}

// finding judges a mixture. lost is what to do if nobody hears of the bad values.
func (m *mixture) finding(lost string) finding {
	f := finding{mark: markOK, seen: fmt.Sprintf("%s; %s", describeReply(m.reply), strings.Join(m.told, "; "))}
	switch {
	case !m.reply.OK() && m.any:
		f.mark = markNote
		f.seen += " (an error for the whole request, although good values were written)"
	case !m.reply.OK():
		f.mark = markNote
		f.seen += " (the whole request is refused; it is then split until the bad one is found)"
		if m.reply.Status/100 == 5 {
			f.advice = "nothing, but with this status a bad value holds up the good ones for some time"
		}
	case m.reply.Status == http.StatusMultiStatus && m.list == nil:
		f.mark = markNote
		f.seen += " (the list does not fit the request: all values are sent again)"
	case !m.refused:
		f.mark, f.advice = markNote, lost
	case !m.kept:
		f.mark = markNote
		f.seen += " (good values are not visible: compression, or the right to read)"
	}
	return f
}

func (a *acceptance) unknownWebID(ctx context.Context) finding {
	id, err := pi.PathWebID(a.path(noName))
	if err != nil {
		return finding{mark: markSkip, seen: err.Error()}
	}
	return a.badWebID(ctx, id)
}

func (a *acceptance) malformedWebID(ctx context.Context) finding {
	return a.badWebID(ctx, "telegraf-ipvs!")
}

func (a *acceptance) badWebID(ctx context.Context, id string) finding {
	p := a.subject
	m, err := a.mix(ctx, doNotBuffer, []testStream{
		{p.WebID, []testValue{p.good(goodLabel)}},
		{id, []testValue{p.good("bad WebID")}},
	})
	if err != nil {
		return failed(err)
	}
	return m.finding(`values for points that were deleted are lost without notice: keep webid = "resolve", which asks anew each day`)
}

func (a *acceptance) wrongType(ctx context.Context) finding { return a.wrong(ctx, doNotBuffer) }

func (a *acceptance) wrongTypeAsSet(ctx context.Context) finding {
	if a.o.cfg.BufferOption == doNotBuffer {
		return finding{mark: markSkip, seen: "it is DoNotBuffer"}
	}
	return a.wrong(ctx, a.o.cfg.BufferOption)
}

func (a *acceptance) wrong(ctx context.Context, buffer string) finding {
	p := a.subject
	m, err := a.mix(ctx, buffer, []testStream{{p.WebID, []testValue{
		p.good(goodLabel), {p.slot(), p.wrong(), "wrong type"}, p.good(goodLabel),
	}}})
	if err != nil {
		return failed(err)
	}
	lost := `keep webid = "resolve", with which this program knows types and refuses such values itself`
	if buffer != doNotBuffer {
		lost += `; for an error from the archive for each value set buffer_option = "DoNotBuffer"`
	}
	return m.finding(lost)
}

func (a *acceptance) outOfRange(ctx context.Context) finding {
	p := a.subject
	high, low := "2147483648", "-2147483648"
	switch p.PointType {
	case pi.Int32:
	case pi.Int16:
		high, low = "32768", "-1"
	default:
		return finding{mark: markSkip, seen: fmt.Sprintf("the type of the point is %s; Int32 or Int16 would show it", p.PointType)}
	}
	m, err := a.mix(ctx, doNotBuffer, []testStream{{p.WebID, []testValue{
		p.good(goodLabel), {p.slot(), high, high}, {p.slot(), low, low},
	}}})
	if err != nil {
		return failed(err)
	}
	return m.finding(`keep webid = "resolve", with which this program knows types and ranges`)
}

func (a *acceptance) nan(ctx context.Context) finding {
	p := a.subject
	m, err := a.mix(ctx, doNotBuffer, []testStream{{p.WebID, []testValue{p.good(goodLabel), {p.slot(), "NaN", "NaN"}}}})
	if err != nil {
		return failed(err)
	}
	f := m.finding("")
	if m.reply.Status/100 == 4 && !m.any {
		f.mark = markOK // it is no JSON
	}
	return f
}

func (a *acceptance) ahead(ctx context.Context) finding {
	p := a.subject
	if p.Future {
		return finding{mark: markSkip, seen: "the point is one for the future"}
	}
	// What gets into the future is taken out again, even if the run is broken off meanwhile.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trialTime)
	defer cancel()
	from, to := p.from, p.to
	skew, _ := a.o.client.Skew()
	v := testValue{a.now().Add(skew + 15*time.Minute).Truncate(time.Millisecond), p.value(), "ahead"}
	streams := []testStream{{p.WebID, []testValue{v}}}
	m, err := a.mix(ctx, doNotBuffer, streams)
	if err != nil {
		return failed(err)
	}
	f := m.finding(`this server takes such values: max_ahead = "0s" would send them at once`)
	if m.reply.Status/100 == 4 {
		f = answered(markOK, m.reply, "")
	}
	found, err := a.read(ctx, v.at)
	if err != nil {
		return failed(err)
	}
	if len(found) == 0 && m.refused {
		p.from, p.to = from, to
		return f
	}
	// Nobody wants a value from the future. If it is not visible it may yet be there.
	r, err := a.send(ctx, "Remove", doNotBuffer, streams, false)
	if err != nil {
		return failed(err)
	}
	f.seen += "; taken back by Remove: " + describeReply(r)
	left, err := a.read(ctx, v.at)
	switch {
	case err != nil:
		return failed(err)
	case len(left) > 0:
		f.mark = markNote
		f.seen += ", but it is still there, at " + timeText(v.at)
	default:
		p.from, p.to = from, to
	}
	return f
}
