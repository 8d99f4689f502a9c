package telegraftest

import "fmt"

// A Plugin is a table of a configuration, with the options that it has in the file. Their values are string, bool, int64,
// float64, []any of such values, map[string]any for a table and []map[string]any for several of one name.
type Plugin struct {
	Kind    string // such as "outputs.http"
	Options map[string]any
	Line    int // of its header
}

// Text returns the value of an option as it is written in TOML without quotes, "" if it is not set.
func (p Plugin) Text(key string) string {
	switch v := p.Options[key].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// List returns the elements of a list, nil if it is not set.
func (p Plugin) List(key string) []string { return texts(p.Options[key]) }

// Flag returns the value of a boolean option, otherwise if it is not set.
func (p Plugin) Flag(key string, otherwise bool) bool {
	if v, ok := p.Options[key].(bool); ok {
		return v
	}
	return otherwise
}

// Tables returns the tables of one name inside the plugin's, also when there is but one in single brackets.
func (p Plugin) Tables(key string) []map[string]any {
	switch v := p.Options[key].(type) {
	case map[string]any:
		return []map[string]any{v}
	case []map[string]any:
		return v
	case []any: // of inline tables
		var list []map[string]any
		for _, e := range v {
			if table, ok := e.(map[string]any); ok {
				list = append(list, table)
			}
		}
		return list
	}
	return nil
}

func texts(value any) []string {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		list := make([]string, len(v))
		for i, e := range v {
			list[i] = fmt.Sprint(e)
		}
		return list
	default:
		return []string{fmt.Sprint(v)}
	}
}
