package piwebapitest

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`[{"WebId":"P1DPQUJD","Items":[{"Timestamp":"2014-07-22T14:00:00Z","Good":true,"Questionable":false,"Value":12.3}]}]`,
		`[{"WebId":"x","Value":{"Value":-0.1e+5}}]`, `{"Value":"\ud83d\ude00\/"}`, `[]`, ` [1 , 2]`, `nul`, `"\x"`, `[1,]`, `{"a":1,}`,
		`01`, `-`, `1.`, `1e`, `{"Value":{"Name":"x"}}`, `[{"webid":null,"items":[[]]}]`, "\"\x00\"", `"\u12"`, `{"a" 1}`, `[1 2]`, "",
		"[\xff]", "\"\xff\"", `tru`, `falsehood`, `[{"Items":[{}],"Items":[{},{}],"WebId":""}]`, strings.Repeat("[", 10001) + strings.Repeat("]", 10001),
		strings.Repeat("[", 10000) + strings.Repeat("]", 10000),
	} {
		f.Add([]byte(seed))
	}
	s := newServer(f, Config{}, PointSpec{Name: "a"})
	point := s.reg.find("a")
	f.Fuzz(func(t *testing.T, text []byte) {
		var body writeBody
		for _, form := range []form{formValue, formValues, formSet, formSetOfLists} {
			err := body.decode(text, form)
			require.Equal(t, json.Valid(text), !errors.Is(err, errSyntax), "%q", text)
			if err != nil {
				continue
			}
			for _, stream := range body.streams {
				require.LessOrEqual(t, stream.from, stream.to)
				require.LessOrEqual(t, stream.to, len(body.values))
			}
			for _, typ := range pointTypes {
				target := target{point: point, typ: typ, span: 100, states: []string{"Up"}}
				for i := range body.values {
					c := target.convert(&body.values[i], text, noon(), true)
					if c.problem == noProblem {
						var v any
						require.NoError(t, json.Unmarshal(c.appendTimed(nil, c.text, target.states), &v), "%q", text)
					}
				}
			}
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, seed := range []string{"2026-03-04T11:00:00.1234567Z", "*-1h", "t+8h", "", "2026-03-04", "y", "*-1mo", "9999-12-31T23:59:59+14:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sec, nsec, ok := parseISO([]byte(s))
		if ok {
			require.True(t, nsec >= 0 && nsec < 1e9)
		}
		if want, err := time.Parse(time.RFC3339Nano, s); err == nil && len(s) <= 35 && s[10] == 'T' && s[13] == ':' && !strings.ContainsRune(s, ',') {
			if _, offset := want.Zone(); offset%3600 == 0 && offset <= 14*3600 && offset >= -14*3600 {
				require.True(t, ok, s)
				require.Equal(t, want.Unix(), sec)
				require.EqualValues(t, want.Nanosecond(), nsec)
			}
		}
		_, _, _ = parseTime([]byte(s), noon())
	})
}

func FuzzParseFaults(f *testing.F) {
	f.Add("reset-after=0.01,503@streamsets/recorded=0.05,slow=0.01:5s,413=0.02:65536")
	f.Fuzz(func(t *testing.T, text string) {
		plan, err := ParseFaults(text, 1)
		if err == nil && plan != nil {
			plan("GET system", 1)
		}
	})
}

// TestArchiveModel compares the archive with a plain list.
func TestArchiveModel(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		var a archive
		var want []converted
		for step := range 3000 {
			c := converted{event: event{at: ticks(random.IntN(900)), num: uint64(step)}}
			if random.IntN(3) == 0 {
				c.at = ticks(step) // in order
			}
			if random.IntN(4) == 0 {
				c.flags, c.text = kindText, strings.Repeat("x", step%7)
			}
			option := updateOption(random.IntN(len(updateOptions)))
			if option == remove && random.IntN(2) == 0 {
				option = insert
			}
			a.apply(option, &c, 0)

			i := len(want)
			for i > 0 && want[i-1].at > c.at {
				i--
			}
			found := i > 0 && want[i-1].at == c.at
			switch {
			case option == remove && found:
				want = slices.Delete(want, i-1, i)
			case option == remove, option == noReplace && found, option == replaceOnly && !found:
			case (option == replace || option == replaceOnly) && found:
				want[i-1] = c
				want[i-1].flags |= flagSubstituted
			default:
				want = slices.Insert(want, i, c)
			}
		}
		require.Equal(t, len(want), a.count)
		i, texts := 0, 0
		for e := range a.between(0, forever) {
			require.Equal(t, want[i].at, e.at)
			require.Equal(t, want[i].flags, e.flags)
			if e.hasText() {
				require.Equal(t, want[i].text, a.texts[e.num])
				texts++
			} else {
				require.Equal(t, want[i].num, e.num)
			}
			i++
		}
		require.Equal(t, len(want), i)
		require.Len(t, a.texts, texts)
		for range 100 {
			from := ticks(random.IntN(3000))
			to := from + ticks(random.IntN(500))
			n := 0
			for range a.between(from, to) {
				n++
			}
			m := 0
			for _, c := range want {
				if c.at >= from && c.at <= to {
					m++
				}
			}
			require.Equal(t, m, n)
		}
	}
}
