package main

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const manPage = "man/telegraf-ipvs.1"

func TestManPageIsClean(t *testing.T) {
	for _, command := range [][]string{
		{"groff", "-ww", "-man", "-Tutf8", "-z", manPage},
		{"man", "--warnings", "-l", "-Tutf8", "-Z", manPage},
	} {
		text, code := status(t, command...)
		require.Zero(t, code, text)
		require.NotContains(t, text, "warning", command[0])
		require.NotContains(t, text, "error:", command[0])
	}
	// What mandb finds the page by.
	require.Regexp(t, `\n +telegraf-ipvs +- +IPVS +metrics`, output(t, "man", "-P", "cat", "-l", manPage))
}

// TestManPageIsWhole compares the page with what the program says of itself: each
// command with its options, and what these take.
func TestManPageIsWhole(t *testing.T) {
	inProgram := map[string][]string{}
	helpOf(t, "", inProgram)
	require.Contains(t, inProgram, "queue dead-letters")
	require.Contains(t, inProgram["queue dead-letters"], "--limit N")
	text, err := os.ReadFile(manPage)
	require.NoError(t, err)
	sections, commands, options := readPage(string(text))
	require.Equal(t, []string{"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "EXIT STATUS", "SIGNALS", "FILES",
		"ENVIRONMENT", "EXAMPLES", "SEE ALSO"}, sections)
	require.Equal(t, inProgram, commands)

	var all []string
	for _, list := range inProgram {
		all = append(all, list...)
	}
	all = append(all, "--help")
	slices.Sort(all)
	require.Equal(t, slices.Compact(all), options, "the section OPTIONS")
}

var (
	helpFlag    = regexp.MustCompile(`^   (--[a-z-]+)(?:, -h)?(?: ([^ ]+))?(?: \[ .*\])?  `)
	helpCommand = regexp.MustCompile(`^   ([a-z-]+)  `)
)

// helpOf adds the command of that name and all below it to list, each with its
// options but --help.
func helpOf(t *testing.T, name string, list map[string][]string) {
	t.Helper()
	text := output(t, program(t), append(strings.Fields(name), "--help")...)
	part, flags := "", []string{}
	for line := range strings.Lines(text) {
		switch {
		case !strings.HasPrefix(line, " "):
			part = strings.TrimSpace(line)
		case part == "COMMANDS:" && helpCommand.MatchString(line):
			helpOf(t, strings.TrimSpace(name+" "+helpCommand.FindStringSubmatch(line)[1]), list)
		case strings.HasSuffix(part, "OPTIONS:"):
			found := helpFlag.FindStringSubmatch(line)
			require.NotNil(t, found, "help of %q: %s", name, line)
			if found[1] != "--help" {
				flags = append(flags, strings.TrimSpace(found[1]+" "+found[2]))
			}
		}
	}
	require.Contains(t, text, "--help")
	if name != "" {
		slices.Sort(flags)
		list[name] = flags
	}
}

// readPage returns the names of sections, the commands in the section of that name,
// each with its options, and what the section OPTIONS tells of.
func readPage(text string) (sections []string, commands map[string][]string, options []string) {
	commands = map[string][]string{}
	seen := map[string]bool{}
	section, name, before := "", "", ""
	plain := strings.NewReplacer(`\-`, "-", `\~`, " ", `"`, "")
	for line := range strings.Lines(text) {
		macro, rest, _ := strings.Cut(strings.TrimSpace(plain.Replace(line)), " ")
		switch {
		case macro == ".SH":
			section = rest
			sections = append(sections, rest)
		case section == "COMMANDS" && macro == ".SS":
			name = rest
			commands[name] = []string{}
		case section == "COMMANDS" && macro == ".OP":
			commands[name] = append(commands[name], rest)
		case section == "OPTIONS" && before == ".TP" && strings.HasPrefix(rest, "--"):
			seen[strings.Join(strings.Fields(rest), " ")] = true
		case section == "OPTIONS" && before == ".TP" && strings.HasPrefix(rest, "-h ,"):
			seen["--help"] = true
		}
		before = macro
	}
	for _, flags := range commands {
		slices.Sort(flags)
	}
	return sections, commands, slices.Sorted(maps.Keys(seen))
}
