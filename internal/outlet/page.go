package outlet

import (
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"time"

	"telegraf-ipvs/internal/publish"
	"telegraf-ipvs/internal/queue"
)

//go:embed status.html
var statusPage string

// A Page is a plugin's part of the status page. Its zero value adds nothing.
type Page struct {
	// Template is text for html/template that defines one or more of "alerts", paragraphs below what is said of the
	// receiver; "counts", the first rows of the table of what was done since the start; and "sections", headings and
	// tables above what is put aside. The functions when, for a time.Time, and text, for bytes, are at hand.
	Template string
	// Data returns what those templates are executed with. Nil means nil.
	Data func() any
}

// Counted is something and how often it was.
type Counted struct {
	What string
	N    uint64
}

// Sorted returns counts in the order of what was counted, for a [Page].
func Sorted(counts map[string]uint64) []Counted {
	var list []Counted
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, Counted{what, counts[what]})
	}
	return list
}

const letterPage = 20 // dead letters on the page

// A view is what the page shows.
type view struct {
	Address, Place              string
	Up                          bool
	Reason, Why                 string
	Since, Until, Last, Started time.Time
	Again                       uint64
	Queue                       queue.Stats
	Age                         time.Duration
	Waiting                     int
	Refused, Holding            []Counted
	Events                      []publish.Event
	Held                        []queue.HeldTarget
	Letters                     []queue.Letter
	Failed                      []string
	Now                         time.Time
	Own                         any // of the plugin
}

func (o *Outlet[T, V]) view() view {
	s := o.Stats()
	v := view{
		Address: o.cfg.Address, Place: o.cfg.Place, Up: s.Publish.Paused == nil,
		Since: s.Publish.Since, Until: s.Publish.Until, Last: s.Publish.Last, Started: s.Started,
		Again: s.Publish.Again, Queue: s.Queue, Age: s.age().Round(time.Second),
		Waiting: s.Publish.Waiting, Refused: Sorted(s.Publish.Refused), Holding: Sorted(s.Publish.Holding),
		Events: s.Publish.Events, Now: time.Now(),
	}
	if o.cfg.Page.Data != nil {
		v.Own = o.cfg.Page.Data()
	}
	if p := s.Publish.Paused; p != nil {
		v.Reason, v.Why = p.Reason, p.Error()
	}
	slices.Reverse(v.Events)
	var err error
	if v.Held, err = o.queue.HeldTargets(); err != nil {
		v.Failed = append(v.Failed, fmt.Sprintf("held values cannot be read: %v", err))
	}
	if v.Letters, err = o.queue.DeadLetters(0, letterPage); err != nil {
		v.Failed = append(v.Failed, fmt.Sprintf("dead letters cannot be read: %v", err))
	}
	return v
}

func (o *Outlet[T, V]) page(w http.ResponseWriter, _ *http.Request) {
	t, err := template.New("status").Funcs(template.FuncMap{
		"when": func(t time.Time) string {
			if t.IsZero() {
				return "never"
			}
			return t.UTC().Format("2006-01-02 15:04:05 UTC")
		},
		"text": func(b []byte) string { return string(b) },
	}).Parse(statusPage)
	if err == nil {
		_, err = t.New("own").Parse(o.cfg.Page.Template)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = t.Execute(w, o.view()) // the asker may be gone
}
