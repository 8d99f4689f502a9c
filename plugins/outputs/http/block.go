package stockhttp

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"telegraf-ipvs/internal/metric"
	pi "telegraf-ipvs/internal/piwebapi"
)

// A Block is one table [[outputs.http]], which sends a field of a series to a PI point.
type Block struct {
	// URL is the address of PI Web API with its path, without the calls.
	URL string
	// Server and Point are the names of the PI Data Archive and of the point.
	Server, Point string
	// WebID is that of the point, for one whose name does not tell it. "" computes it.
	WebID string
	// Measurement and Field are what the values are called in Telegraf.
	Measurement, Field string
	// Tags are those that the series has; others it may have besides. Keys are unique.
	Tags []metric.Tag
	// Without are the keys of tags that it does not have, by which it differs from others.
	Without []string
}

// maxSegment is how many characters http.sys takes between two slashes of an address unless its UrlSegmentMaxLength says
// otherwise. That PI Web API keeps to it is not verified.
const maxSegment = 260

// check returns the WebID of the point, or everything that is wrong with the block.
func (b *Block) check() (id string, err error) {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if err := checkURL(b.URL); err != nil {
		problems = append(problems, err)
	}
	if why := illegalServer(b.Server); why != "" {
		add("server %q: %s: give the name of the PI Data Archive as PI clients show it", b.Server, why)
	}
	if why := pi.NameFault(b.Point); why != "" {
		add("point %q: %s: give the point another name, there and here", b.Point, why)
	}
	for _, text := range []struct{ what, text string }{{"measurement", b.Measurement}, {"field", b.Field}} {
		if why := illegalText(text.text); why != "" {
			add("%s %q: %s", text.what, text.text, why)
		}
	}
	keys := make(map[string]bool)
	for _, t := range append(slices.Clone(b.Tags), b.absent()...) {
		if why := illegalText(t.Key); why != "" {
			add("tag %q: its key: %s", t.Key, why)
		}
		if !utf8.ValidString(t.Value) {
			add("tag %q: its value %q is not UTF-8", t.Key, t.Value)
		}
		if keys[t.Key] {
			add("tag %q is given twice: a series has one value of each", t.Key)
		}
		keys[t.Key] = true
	}
	if len(problems) > 0 {
		return "", errors.Join(problems...)
	}
	return b.webID()
}

func (b *Block) absent() []metric.Tag {
	var tags []metric.Tag
	for _, key := range b.Without {
		tags = append(tags, metric.Tag{Key: key})
	}
	return tags
}

// webID returns the WebID of the point.
func (b *Block) webID() (string, error) {
	if b.WebID != "" {
		id, err := pi.DecodeWebID(b.WebID)
		if err == nil && !id.Kind.Point() {
			err = errors.New("it is not of a PI point")
		}
		if err != nil {
			return "", fmt.Errorf("WebID %q: %w: take it from PI Web API, at %s/points?path=", b.WebID, err, b.URL)
		}
		return b.WebID, nil
	}
	if path := b.path(); !pi.Portable(path) {
		return "", fmt.Errorf(`point %q on %q: there are small letters in it beyond a to z, whose capitals the server may see otherwise, `+
			`and so another WebID than the computed one: ask PI Web API for it, at %s/points?path=, and give it with --webid, `+
			`or use [[outputs.pi_webapi]] with webid = "resolve"`, b.Point, b.Server, b.URL)
	}
	return pi.PointWebID(b.Server, b.Point)
}

func (b *Block) path() string { return `\\` + b.Server + `\` + b.Point }

// warning returns what may go wrong with a block that is well, "" if nothing is known.
func (b *Block) warning(id string) string {
	if len(id) <= maxSegment {
		return ""
	}
	return fmt.Sprintf("point %q: its WebID has %d characters, and Windows takes no more than %d in a part of an address unless told to: "+
		"if PI Web API answers 400 or 404, use pi_streamset.conf or [[outputs.pi_webapi]], which do not have it there", b.Point, len(id), maxSegment)
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("url %q: %w", text, errors.Unwrap(err))
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return fmt.Errorf("url %q: want one such as https://pi.example.com/piwebapi", text)
	case u.User != nil:
		return fmt.Errorf("url %q: leave out the user, whose place is in the options username and password", u.Redacted())
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(text, "#"):
		return fmt.Errorf("url %q: leave out what begins with ? or #: want one such as https://pi.example.com/piwebapi", text)
	}
	return nil
}

// illegalServer returns why a text is no name of a server, "" if it may be one.
func illegalServer(name string) string {
	if why := illegalText(name); why != "" {
		return why
	}
	if strings.ContainsAny(name, `\|`) {
		return `there is a \ or | in it`
	}
	if strings.TrimSpace(name) != name {
		return "it begins or ends with a space"
	}
	return ""
}

// illegalText returns why nothing has a text for its name, "" if something may.
func illegalText(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case !utf8.ValidString(name):
		return "it is not UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "there is a control character in it"
	}
	return ""
}
