package stockhttp

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"text/template"
)

//go:embed pi_stream.tmpl
var streamTemplate string

// A Rendered is a configuration of Telegraf.
type Rendered struct {
	Text string
	// Warnings are about what may go wrong with it.
	Warnings []string
}

// Render returns the configuration with blocks, of which there must be one. It begins with a head, which explains, and the
// store of the password; with blocksOnly both are left out, for what is added to a file that has them. The error lists
// everything that is wrong with the blocks.
func Render(blocks []Block, blocksOnly bool) (Rendered, error) {
	if len(blocks) == 0 {
		return Rendered{}, errors.New("there is no series to make a block for")
	}
	t, err := template.New("pi_stream").Delims("<<", ">>").Parse(streamTemplate)
	if err != nil {
		panic("stockhttp: " + err.Error())
	}
	var (
		out      Rendered
		problems []error
		b        strings.Builder
		taken    = make(map[string]*Block) // by WebID
	)
	if !blocksOnly {
		execute(t, &b, "head", nil)
	}
	for i := range blocks {
		block := &blocks[i]
		id, err := block.check()
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if has := taken[id]; has != nil {
			problems = append(problems, fmt.Errorf("point %q would take the values of %s and of %s: let the name of the point say which, "+
				"or choose one of them by measurement, field and tags", block.Point, has.source(), block.source()))
			continue
		}
		taken[id] = block
		if w := block.warning(id); w != "" {
			out.Warnings = append(out.Warnings, w)
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		var text strings.Builder
		execute(t, &text, "block", block.parts(id))
		if blocksOnly || i > 0 {
			b.WriteString(brief(text.String(), block))
		} else {
			b.WriteString(text.String())
		}
	}
	out.Text = b.String()
	if err := errors.Join(problems...); err != nil {
		return Rendered{}, err
	}
	return out, nil
}

func execute(t *template.Template, b *strings.Builder, name string, data any) {
	if err := t.ExecuteTemplate(b, name, data); err != nil {
		panic("stockhttp: " + err.Error()) // of this package's own template
	}
	b.WriteString("\n")
}

// parts are what the template of a block puts in.
type parts struct {
	Path               string   // in a comment
	URL, Name, Include string   // as TOML
	MetricPass         []string // terms of an expression; none if there is a TagPass
	TagPass            string   // as TOML; "" for none
	Field              string   // in the template of the body
}

func (b *Block) parts(id string) parts {
	p := parts{
		Path:    b.path(),
		URL:     tomlText(strings.TrimRight(b.URL, "/") + "/streams/" + id + "/value?updateOption=NoReplace&bufferOption=BufferIfPossible"),
		Name:    tomlText(literalGlob(b.Measurement)),
		Include: tomlText(literalGlob(b.Field)),
		Field:   literalText(b.Field),
	}
	if len(b.Tags) == 1 && len(b.Without) == 0 && bareKey(b.Tags[0].Key) {
		p.TagPass = tagPass(b.Tags[0])
	} else {
		p.MetricPass = conditions(b.Tags, b.Without)
	}
	return p
}

// source says for people whose values a block sends.
func (b *Block) source() string {
	s := fmt.Sprintf("field %q of %q", b.Field, b.Measurement)
	sign := " with"
	for _, t := range b.Tags {
		s += fmt.Sprintf("%s %s=%q", sign, t.Key, t.Value)
		sign = ","
	}
	return s
}

// brief returns a block without what explains it, which the first one of a file does for all.
func brief(text string, b *Block) string {
	var short strings.Builder
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimSpace(line); trimmed == "" || strings.HasPrefix(trimmed, "## ") {
			continue
		}
		short.WriteString(line)
		if strings.HasPrefix(line, "[[") {
			short.WriteString("  ## " + b.path() + "\n")
		}
	}
	return short.String()
}
