package piwebapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"telegraf-ipvs/internal/httpreply"
)

// multi sets the outcomes that a 207 tells, value by value. What the server failed on, or did not speak of clearly,
// comes back as a fault; a 429 among the items becomes a pause.
func (j *job) multi(refs []ref, r *response) (*fault, error) {
	items, ok := decodeMulti(r.body, counts(refs))
	if !ok {
		j.unsure(refs)
		j.failed()
		err := &StatusError{Code: r.status, Call: recordedCall, Messages: []string{
			"the server reports a partial success in a form that does not match the request",
		}}
		return &fault{status: http.StatusInternalServerError, err: err, refs: refs}, nil
	}
	var stored, accepted, again []ref
	worst := item{}
	for from := 0; from < len(refs); {
		to := from + 1
		missing := items[from].status == http.StatusNotFound
		for ; to < len(refs) && refs[to].stream == refs[from].stream; to++ {
			missing = missing && items[to].status == http.StatusNotFound
		}
		if missing {
			j.stream(refs[from]).Problem = &StreamProblem{Gone, items[from].detail()}
			from = to
			continue
		}
		for ; from < to; from++ {
			ref, it := refs[from], items[from]
			switch {
			case it.good() && it.status == http.StatusAccepted:
				accepted = append(accepted, ref)
			case it.good():
				stored = append(stored, ref)
			case it.again():
				again = append(again, ref)
				if it.status == http.StatusTooManyRequests || len(again) == 1 {
					worst = it
				}
			case it.status == http.StatusUnauthorized || it.status == http.StatusForbidden:
				j.stream(ref).Problem = &StreamProblem{Forbidden, it.detail()}
			default:
				j.refuse(ref, it.reason(), it.detail())
			}
		}
	}
	j.unsure(again)
	if len(again) > 0 {
		j.failed()
	}
	for _, good := range [...]struct {
		refs []ref
		as   Outcome
	}{{stored, Stored}, {accepted, Accepted}} {
		if len(good.refs) > 0 {
			j.take(good.refs, good.as)
		}
	}
	if len(again) == 0 {
		return nil, nil
	}
	err := &StatusError{
		Code: worst.status, Messages: []string{worst.detail()}, RetryAfter: httpreply.RetryAfter(r.header), Call: recordedCall,
	}
	if worst.status == http.StatusTooManyRequests {
		return nil, j.w.pause(err)
	}
	return &fault{status: http.StatusInternalServerError, err: err, refs: again, items: true}, nil
}

// counts returns how many values of each stream follow one another in refs.
func counts(refs []ref) []int {
	var list []int
	for i := range refs {
		if i == 0 || refs[i].stream != refs[i-1].stream {
			list = append(list, 0)
		}
		list[len(list)-1]++
	}
	return list
}

// item is what a 207 says of one value.
type item struct {
	status  int
	message string
}

// good reports whether the value was taken. PI Web API's schema does not say what the Substatus of a good value is;
// a zero without a message is one that was not set.
func (i item) good() bool {
	return i.status/100 == 2 || i.status == 0 && i.message == ""
}

// again reports whether the value may be taken at another attempt.
func (i item) again() bool {
	return i.status/100 != 4 || i.status == http.StatusRequestTimeout || i.status == http.StatusTooManyRequests
}

func (i item) detail() string {
	if i.message != "" {
		return i.message
	}
	return http.StatusText(i.status)
}

func (i item) reason() string {
	switch i.status {
	case http.StatusNotFound:
		return ReasonNotFound
	case http.StatusConflict:
		return ReasonConflict
	case http.StatusRequestEntityTooLarge:
		return ReasonTooLarge
	}
	return ReasonBadValue
}

// multiItem is an entry of the Items of a 207: of a stream, whose own Items are its values, or of a value.
type multiItem struct {
	Substatus *float64
	Message   looseText
	Items     []multiItem
}

// decodeMulti decodes the body of a 207 to a request with so many values for each of its streams. What it returns
// has one item per value in the order of the request. ok is false when body and request do not match, and nothing can
// be told of any value.
//
// The schema for streamsets/recorded is {"Items":[{"Items":[{"Substatus":204,"Message":null}]}]} (swagger.json of PI Web
// API 2018 SP1). Also understood are one Substatus for a whole stream, the flat list that the calls for one stream
// answer with, and a list without an object around it.
func decodeMulti(body []byte, counts []int) (items []item, ok bool) {
	body = bytes.TrimSpace(body)
	var top multiItem
	var err error
	if len(body) > 0 && body[0] == '[' {
		err = json.Unmarshal(body, &top.Items)
	} else {
		err = json.Unmarshal(body, &top)
	}
	if err != nil || len(top.Items) == 0 {
		return nil, false
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	items = make([]item, 0, total)
	if len(top.Items) != len(counts) {
		return top.appendTo(items, total, false)
	}
	for i, n := range counts {
		if items, ok = top.Items[i].appendTo(items, n, true); !ok {
			return nil, false
		}
	}
	return items, true
}

// appendTo appends what is said of the n values of a stream. whole allows one statement about all of them.
func (m *multiItem) appendTo(items []item, n int, whole bool) ([]item, bool) {
	if len(m.Items) == 0 && whole {
		it, ok := m.item()
		for range n {
			items = append(items, it)
		}
		return items, ok
	}
	if len(m.Items) != n {
		return nil, false
	}
	for i := range m.Items {
		it, ok := m.Items[i].item()
		if !ok || len(m.Items[i].Items) > 0 {
			return nil, false
		}
		items = append(items, it)
	}
	return items, true
}

// item returns what is said of a value; ok is false when nothing is.
func (m *multiItem) item() (it item, ok bool) {
	if m.Substatus == nil {
		return item{}, false
	}
	it.message = httpreply.OneLine(string(m.Message))
	switch s := *m.Substatus; {
	case s >= 100 && s < 600:
		it.status = int(s)
	case s != 0 || it.message != "":
		it.status = http.StatusInternalServerError // no status at all
	}
	return it, true
}

// looseText is a text, or several in a list; anything else reads as none.
type looseText string

// UnmarshalJSON never fails: a message is for people and must not make the rest unreadable.
func (t *looseText) UnmarshalJSON(data []byte) error {
	var one string
	var list []string
	switch {
	case json.Unmarshal(data, &one) == nil:
		*t = looseText(one)
	case json.Unmarshal(data, &list) == nil:
		*t = looseText(strings.Join(list, "; "))
	}
	return nil
}
