package telegraftest

import (
	"os"
	"strings"
	"testing"
)

// Read returns the text of a configuration with every old replaced by the new that stands behind it. An old that does not
// occur fails the test.
func Read(t testing.TB, path string, oldNew ...string) string {
	t.Helper()
	if len(oldNew)%2 != 0 {
		t.Fatalf("read %s: the last text to replace, %q, has no replacement", path, oldNew[len(oldNew)-1])
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(text, oldNew[i]) {
			t.Fatalf("%s has no %q to replace by %q", path, oldNew[i], oldNew[i+1])
		}
		text = strings.ReplaceAll(text, oldNew[i], oldNew[i+1])
	}
	return text
}

// Load reads a Telegraf configuration strictly: what [Check] finds fails the test. Environment variables in strings are
// replaced from the process's environment.
func Load(t testing.TB, text string) *Config {
	t.Helper()
	c, problems := load(text, os.LookupEnv)
	for _, problem := range problems {
		t.Error(problem)
	}
	if len(problems) > 0 {
		t.FailNow()
	}
	return c
}

// Check returns all problems of a Telegraf configuration, in the order of the lines.
func Check(text string) []error {
	_, problems := load(text, os.LookupEnv)
	return problems
}

// A Config is a Telegraf configuration.
type Config struct {
	plugins []Plugin
}

// All returns the plugins of a kind, such as "outputs.http", in the order of the file.
func (c *Config) All(kind string) []Plugin {
	var list []Plugin
	for _, p := range c.plugins {
		if p.Kind == kind {
			list = append(list, p)
		}
	}
	return list
}

// Only returns the plugin of a kind, of which there must be one.
func (c *Config) Only(t testing.TB, kind string) Plugin {
	t.Helper()
	list := c.All(kind)
	if len(list) != 1 {
		t.Fatalf("the configuration has %d tables [[%s]], not one", len(list), kind)
	}
	return list[0]
}

// Agent returns the table [agent]; without it, one without options.
func (c *Config) Agent() Plugin {
	for _, p := range c.plugins {
		if p.Kind == "agent" {
			return p
		}
	}
	return Plugin{Kind: "agent"}
}

// GlobalTags returns the table [global_tags].
func (c *Config) GlobalTags() map[string]string {
	tags := map[string]string{}
	for _, p := range c.plugins {
		if p.Kind == "global_tags" {
			for key := range p.Options {
				tags[key] = p.Text(key)
			}
		}
	}
	return tags
}
