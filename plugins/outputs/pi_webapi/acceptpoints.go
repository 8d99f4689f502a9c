package piwebapi

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	pi "telegraf-ipvs/internal/piwebapi"
)

// pointTrials are those of points that are there anyhow.
func (a *acceptance) pointTrials() []trial {
	return []trial{
		{"list points", "", a.list},
		{"ask for several points at once", "the form of an answer where one of several is not there", a.multiple},
		{"ask for a point that is not there", "what tells an absent point from an outage", a.absent},
		{"form of WebIDs", "whether this program reads and writes them alike", a.webIDs},
		{"WebID made of the path alone", `whether webid = "path" can be used`, a.pathWebID},
		{"long WebID in an address", "whether the web server takes parts of more than 260 characters; this program puts WebIDs into the body where it writes", a.longWebID},
		{"attributes of a point", "whether points that are made can be given compdev and the like", a.attributes},
	}
}

// noName is a name that no point has.
const noName = "telegraf-ipvs.no-such-point.7f3a9c"

// path returns the path of a point of the data server.
func (a *acceptance) path(name string) string { return `\\` + a.o.cfg.DataServer + `\` + name }

// unsampled is the finding where there is no point to look at.
func (a *acceptance) unsampled() finding {
	if a.o.cfg.DataServer == "" {
		return finding{mark: markSkip, seen: "no data server is configured"}
	}
	return finding{mark: markSkip, seen: "there is no point to look at"}
}

func (a *acceptance) list(ctx context.Context) finding {
	if a.server.WebID == "" {
		return a.unsampled()
	}
	r, err := a.o.client.Try(ctx, pi.Trial{Path: "dataservers/" + a.server.WebID + "/points", Query: url.Values{"maxCount": {"3"}}})
	if err != nil {
		return failed(err)
	}
	var body struct{ Items []pi.Item }
	if !r.OK() || r.Decode(&body) != nil {
		return answered(markNote, r, "let the user read points, or the next trials have nothing to look at")
	}
	a.samples = body.Items
	if len(a.samples) == 0 {
		return finding{mark: markNote, seen: "the user sees none", advice: "let the user read the points that are to be written"}
	}
	var list []string
	for _, p := range a.samples {
		list = append(list, fmt.Sprintf("%s (%s)", p.Path, p.PointType))
	}
	return finding{mark: markOK, seen: strings.Join(list, ", ")}
}

func (a *acceptance) multiple(ctx context.Context) finding {
	if len(a.samples) == 0 {
		return a.unsampled()
	}
	query := url.Values{}
	for _, p := range a.samples {
		query.Add("path", p.Path)
	}
	query.Add("path", a.path(noName))
	r, err := a.o.client.Try(ctx, pi.Trial{Path: "points/multiple", Query: query})
	if err != nil {
		return failed(err)
	}
	var body struct {
		Items []struct {
			Identifier string
			Object     *pi.Item
			Exception  *struct{ Errors []string }
		}
	}
	switch {
	case r.Status/100 == 4:
		return answered(markNote, r, "nothing: points are asked for one by one then, which takes longer after a start")
	case !r.OK() || r.Decode(&body) != nil:
		return answered(markFail, r, `set webid = "path"`)
	case len(body.Items) != len(a.samples)+1:
		return finding{mark: markNote, seen: fmt.Sprintf("%d with %d entries for %d paths: they are asked for one by one then", r.Status, len(body.Items), len(a.samples)+1)}
	}
	for i, p := range a.samples {
		if o := body.Items[i].Object; o == nil || o.WebID != p.WebID {
			return finding{mark: markFail, seen: fmt.Sprintf("%d, but entry %d is not that of path %d", r.Status, i+1, i+1), advice: `set webid = "path"`}
		}
	}
	last := body.Items[len(a.samples)]
	if last.Object != nil && last.Object.WebID != "" {
		return finding{mark: markFail, seen: fmt.Sprintf("%d, and the name %s is taken for a point", r.Status, noName)}
	}
	seen := fmt.Sprintf("%d, in the order of the request", r.Status)
	if last.Exception != nil {
		seen += fmt.Sprintf(`; the absent one: "%s"`, strings.Join(last.Exception.Errors, "; "))
	}
	if r.Status != http.StatusMultiStatus {
		return finding{mark: markNote, seen: seen + "; 207 was expected"}
	}
	return finding{mark: markOK, seen: seen}
}

func (a *acceptance) absent(ctx context.Context) finding {
	if a.server.WebID == "" {
		return a.unsampled()
	}
	r, err := a.o.client.Try(ctx, pi.Trial{Path: "points", Query: url.Values{"path": {a.path(noName)}}})
	switch {
	case err != nil:
		return failed(err)
	case r.OK():
		return finding{mark: markFail, seen: fmt.Sprintf("%d, as if it were there", r.Status), advice: `set webid = "path"`}
	case r.Status == http.StatusNotFound:
		return answered(markOK, r, "")
	case r.Status == http.StatusForbidden:
		return answered(markNote, r, "let the user read points: absent ones look like forbidden ones, and are not made")
	case r.Status/100 == 4:
		return answered(markNote, r, "")
	}
	return answered(markFail, r, `absent points look like an outage: set webid = "path" unless points/multiple above tells them apart`)
}

func (a *acceptance) webIDs(context.Context) finding {
	if len(a.samples) == 0 {
		return a.unsampled()
	}
	var seen []string
	for _, p := range a.samples {
		id, err := pi.DecodeWebID(p.WebID)
		if err != nil {
			return finding{mark: markNote, seen: err.Error(), advice: `keep webid = "resolve"`}
		}
		number, _ := p.ID.(float64)
		switch again, err := id.Encode(); {
		case id.Form == pi.FormLocal || id.Form == pi.FormDefault:
		case err != nil || again != p.WebID:
			return finding{mark: markNote, seen: fmt.Sprintf("%s comes out as %s", p.WebID, again), advice: `keep webid = "resolve"`}
		}
		if id.Form != pi.FormPath && int64(id.PointID) != int64(number) {
			return finding{mark: markNote, seen: fmt.Sprintf("%s has the number %d in it, and the point %v", p.WebID, id.PointID, p.ID), advice: `keep webid = "resolve"`}
		}
		seen = append(seen, fmt.Sprintf("%v %.8s…", id.Form, p.WebID))
	}
	return finding{mark: markOK, seen: strings.Join(seen, ", ")}
}

func (a *acceptance) pathWebID(ctx context.Context) finding {
	if len(a.samples) == 0 {
		return a.unsampled()
	}
	bad := markNote
	if a.o.cfg.WebID == webIDPath {
		bad = markFail
	}
	const advice = `set webid = "resolve"`
	p := a.samples[0]
	id, err := pi.PathWebID(p.Path)
	if err != nil {
		return finding{mark: bad, seen: err.Error(), advice: advice}
	}
	r, err := a.o.client.Try(ctx, pi.Trial{Path: "points/" + id})
	if err != nil {
		return failed(err)
	}
	var found pi.Item
	switch {
	case !r.OK() || r.Decode(&found) != nil:
		return answered(bad, r, advice)
	case fmt.Sprint(found.ID) != fmt.Sprint(p.ID):
		return finding{mark: bad, seen: fmt.Sprintf("that of %s leads to %s", p.Path, cmp.Or(found.Path, "something else")), advice: advice}
	}
	return finding{mark: markOK, seen: fmt.Sprintf("%d, the same point", r.Status)}
}

func (a *acceptance) longWebID(ctx context.Context) finding {
	if a.server.WebID == "" {
		return a.unsampled()
	}
	id, err := pi.PathWebID(a.path(noName + strings.Repeat("x", 200)))
	if err != nil {
		return finding{mark: markSkip, seen: err.Error()}
	}
	r, err := a.o.client.Try(ctx, pi.Trial{Path: "points/" + id})
	if err != nil {
		return failed(err)
	}
	f := answered(markOK, r, "")
	f.seen = fmt.Sprintf("%d characters: %s", len(id), f.seen)
	if r.Status != http.StatusNotFound {
		f.mark = markNote
	}
	return f
}

func (a *acceptance) attributes(ctx context.Context) finding {
	if len(a.samples) == 0 {
		return a.unsampled()
	}
	r, err := a.o.client.Try(ctx, pi.Trial{Path: "points/" + a.samples[0].WebID + "/attributes"})
	if err != nil {
		return failed(err)
	}
	var body struct {
		Items []struct {
			Name  string
			Value any
		}
	}
	if !r.OK() || r.Decode(&body) != nil {
		return answered(markNote, r, "points that are made get the archive's defaults: let somebody set compdev, span and the like in PI Builder")
	}
	seen := fmt.Sprintf("%d of them", len(body.Items))
	for _, it := range body.Items {
		switch strings.ToLower(it.Name) {
		case "compdev", "compdevpercent", "compressing", "pointsource":
			seen += fmt.Sprintf(", %s %v", strings.ToLower(it.Name), it.Value)
		}
	}
	return finding{mark: markOK, seen: seen}
}
