package piwebapitest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed pages.html
var pagesHTML string

// parsePages makes the templates, whose text is a part of the program.
func parsePages() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{"show": showValue, "when": showTime}).Parse(pagesHTML))
}

// Bounds of a page.
const (
	maxListed = 1000 // points
	maxShown  = 200  // values
)

// servePage answers outside of the base path.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
	_, _, _, refused := s.identityOf(r)
	switch {
	case refused != nil:
		s.send(w, refused, false)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		s.send(w, page(http.StatusMethodNotAllowed, "Method Not Allowed"), false)
	case r.URL.Path == "/":
		s.render(w, "list", s.listPage(r.URL.Query().Get("q")))
	case r.URL.Path == "/point":
		if info, ok := s.Point(r.URL.Query().Get("name")); ok {
			s.render(w, "point", s.pointPage(info))
			return
		}
		s.send(w, page(http.StatusNotFound, "Not Found"), false)
	case r.URL.Path == "/stats.json":
		s.send(w, s.stats(), false)
	default:
		s.send(w, page(http.StatusNotFound, "Not Found"), false)
	}
}

func (s *Server) render(w http.ResponseWriter, name string, data any) {
	var b bytes.Buffer
	if err := s.templates.ExecuteTemplate(&b, name, data); err != nil {
		s.send(w, page(http.StatusInternalServerError, "Internal Server Error"), false)
		return
	}
	s.send(w, &reply{status: http.StatusOK, html: true, body: b.Bytes()}, false)
}

type listPage struct {
	Title, Server, Store, Query string
	Points                      []PointInfo
	Shown, Found, Total         int
}

// listPage finds the points that a query means: all, those with it in their names, or those that match it.
func (s *Server) listPage(query string) listPage {
	page := listPage{Title: s.config.ServerName, Server: s.config.ServerName, Store: s.config.Store, Query: query}
	filter := query
	if !strings.ContainsAny(filter, "*?") {
		filter = "*" + filter + "*"
	}
	for _, name := range s.names() {
		page.Total++
		if !like(name, filter) {
			continue
		}
		if page.Found++; page.Found > maxListed {
			continue
		}
		if info, ok := s.Point(name); ok {
			page.Points = append(page.Points, info)
		}
	}
	page.Shown = len(page.Points)
	return page
}

// names returns the names of all points in their order.
func (s *Server) names() []string {
	points := s.reg.all()
	s.reg.mu.RLock()
	defer s.reg.mu.RUnlock()
	names := make([]string, len(points))
	for i, p := range points {
		names[i] = p.spec.Name
	}
	return names
}

type pointPage struct {
	Title  string
	Point  PointInfo
	Events []Event // the latest first
	Plot   *plot
}

// plot is a line in a box of 800 by 200.
type plot struct {
	Line      string
	Low, High string
	From, To  time.Time
}

func (s *Server) pointPage(info PointInfo) pointPage {
	events := s.Stored(info.Name)
	events = events[max(0, len(events)-maxShown):]
	page := pointPage{Title: info.Name, Point: info, Events: events, Plot: draw(events)}
	slices.Reverse(page.Events)
	return page
}

// draw makes a line of the numbers among events, nil of fewer than two.
func draw(events []Event) *plot {
	type dot struct {
		at    time.Time
		value float64
	}
	var dots []dot
	low, high := math.Inf(1), math.Inf(-1)
	for _, e := range events {
		var f float64
		switch v := e.Value.(type) {
		case float64:
			f = v
		case int64:
			f = float64(v)
		default:
			continue
		}
		dots = append(dots, dot{e.Time, f})
		low, high = min(low, f), max(high, f)
	}
	if len(dots) < 2 {
		return nil
	}
	from, to := dots[0].at, dots[len(dots)-1].at
	var line strings.Builder
	for _, d := range dots {
		x, y := ratio(float64(d.at.Sub(from)), float64(to.Sub(from))), ratio(d.value/2-low/2, high/2-low/2)
		fmt.Fprintf(&line, "%.1f,%.1f ", 10+780*x, 190-180*y)
	}
	return &plot{
		Line: strings.TrimSpace(line.String()), Low: showNumber(low), High: showNumber(high), From: from, To: to,
	}
}

// ratio is a part of a whole, and the middle where the whole is nothing.
func ratio(part, whole float64) float64 {
	if whole == 0 {
		return 0.5
	}
	return part / whole
}

func showValue(e Event) string {
	switch v := e.Value.(type) {
	case float64:
		return showNumber(v)
	case time.Time:
		return showTime(v)
	case string:
		if len(v) > 200 {
			return strings.ToValidUTF8(v[:200], "") + "…"
		}
	}
	return fmt.Sprint(e.Value)
}

func showNumber(f float64) string {
	if math.Abs(f) < 1e15 && math.Abs(f) >= 1e-4 || f == 0 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func showTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") }

// stats is what /stats.json says: how many requests there were by call and status, how many faults by kind, and how many
// values each point has stored and received.
func (s *Server) stats() *reply {
	points := make(map[string]map[string]any)
	var stored, received uint64
	for _, info := range s.Points() {
		points[info.Name] = map[string]any{"Values": info.Values, "Received": info.Received}
		stored += uint64(info.Values)
		received += info.Received
	}
	body, err := json.MarshalIndent(object{
		"Requests": s.Requests(), "Faults": s.FaultCounts(), "Points": points, "Values": stored, "Received": received,
	}, "", "  ")
	if err != nil {
		return failure(http.StatusInternalServerError, err.Error())
	}
	return &reply{status: http.StatusOK, body: append(body, '\n')}
}
