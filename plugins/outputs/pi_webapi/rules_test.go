package piwebapi

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pi "telegraf-ipvs/internal/piwebapi"

	"telegraf-ipvs/internal/config/configtest"
)

var lossless = []Attribute{{"compdev", 0.0}, {"compdevpercent", 0.0}}

func TestSpec(t *testing.T) {
	point := func(rules ...Rule) Config { return Config{Points: rules} }
	vs := "ipvs_virtual_server,address=10.0.0.1,address_family=inet,port=80,protocol=tcp "
	rs := "ipvs_real_server,address=10.0.0.5,address_family=inet,host=x,port=80,virtual_address=10.0.0.1,virtual_port=80,virtual_protocol=tcp "
	for _, test := range []struct {
		name string
		c    Config
		line string
		want Spec
	}{
		{"int", Config{}, "m f=1i 1", Spec{Type: "Float64", Step: true, Attributes: lossless}},
		{"uint", Config{}, "m f=1u 1", Spec{Type: "Float64", Step: true, Attributes: lossless}},
		{"float", Config{}, "m f=1 1", Spec{Type: "Float64", Attributes: lossless}},
		{"bool", Config{}, "m f=true 1", Spec{Type: "Int16", Step: true, Attributes: lossless}},
		{"text", Config{}, `m f="x" 1`, Spec{Type: "String", Step: true}},
		{"IPVS counter", Config{}, vs + "bytes_in=1i 1", Spec{Type: "Float64", Step: true, Counter: true, Units: "bytes", Attributes: lossless}},
		{"IPVS rate", Config{}, vs + "pps_in=1i 1", Spec{Type: "Float64", Units: "packets/s", Attributes: lossless}},
		{"IPVS gauge", Config{}, rs + "active_connections=1i 1", Spec{Type: "Int32", Step: true, Units: "conns", Attributes: lossless}},
		{"IPVS gauge averaged", Config{}, rs + "active_connections=1.5 1", Spec{Type: "Float64", Step: true, Units: "conns", Attributes: lossless}},
		{"IPVS name with a text", Config{}, rs + `weight="heavy" 1`, Spec{Type: "String", Step: true}},
		{"field of IPVS elsewhere", Config{}, "m weight=1i 1", Spec{Type: "Float64", Step: true, Attributes: lossless}},

		{"rule", point(Rule{Measurement: "m", Field: "f*", Type: "Float32", Units: ptr("%"), Step: ptr(true), Class: "classic", CompDev: ptr(0.5), ExcDev: ptr(0.25)}),
			"m f=1 1", Spec{Type: "Float32", Step: true, Units: "%", Class: "classic", Attributes: []Attribute{{"compdev", 0.5}, {"excdev", 0.25}}}},
		{"rule of another measurement", point(Rule{Measurement: "n", Type: "Float32"}), "m f=1 1", Spec{Type: "Float64", Attributes: lossless}},
		{"rule of another field", point(Rule{Field: "g", Type: "Float32"}), "m f=1 1", Spec{Type: "Float64", Attributes: lossless}},
		{"tags", point(Rule{Field: "f", Tags: map[string]string{"host": "lb*", "dc": ""}, Type: "Float32"}), "m,host=lb1 f=1 1", Spec{Type: "Float32", Attributes: lossless}},
		{"other tags", point(Rule{Field: "f", Tags: map[string]string{"host": "lb*", "dc": ""}, Type: "Float32"}), "m,dc=x,host=lb1 f=1 1", Spec{Type: "Float64", Attributes: lossless}},
		{"first of each option", point(Rule{Field: "f", Type: "Float32"}, Rule{Field: "?", Type: "Int32", Units: ptr("u")}, Rule{Units: ptr("v"), Step: ptr(true)}),
			"m f=1 1", Spec{Type: "Float32", Units: "u", Step: true, Attributes: lossless}},
		{"nothing is a choice", point(Rule{Units: ptr(""), Step: ptr(false)}, Rule{Units: ptr("u"), Step: ptr(true)}), "m f=1i 1", Spec{Type: "Float64", Attributes: lossless}},
		{"counter", point(Rule{Counter: ptr(true)}), "m f=1 1", Spec{Type: "Float64", Step: true, Counter: true, Attributes: lossless}},
		{"counter and, elsewhere, a type too small", point(Rule{Counter: ptr(true)}, Rule{Type: "Float32", Measurement: "m"}),
			"m f=1i 1", Spec{Type: "Float64", Step: true, Counter: true, Attributes: lossless}},
		{"counter as text", point(Rule{Counter: ptr(true), Type: "String"}), "m f=1i 1", Spec{Type: "String", Step: true, Counter: true}},
		{"counter that is a text", point(Rule{Counter: ptr(true)}), `m f="x" 1`, Spec{Type: "String", Step: true}},
		{"no counter", point(Rule{Counter: ptr(false), Measurement: "ipvs*"}), vs + "bytes_in=1i 1", Spec{Type: "Float64", Units: "bytes", Attributes: lossless}},
		{"digital", point(Rule{Type: "Digital", DigitalSet: "UpDown"}), `m f="up" 1`, Spec{Type: "Digital", Step: true, DigitalSet: "UpDown"}},
		{"digital set of a later rule", point(Rule{Field: "f", Type: "Int32"}, Rule{Type: "Digital", DigitalSet: "UpDown"}), "m f=1i 1", Spec{Type: "Int32", Step: true, Attributes: lossless}},
		{"attributes", point(Rule{Attributes: map[string]any{"PointSource": "T", "span": 10.0}}, Rule{Attributes: map[string]any{"pointsource": "U", "scan": false}}),
			"m f=1 1", Spec{Type: "Float64", Attributes: []Attribute{{"compdev", 0.0}, {"compdevpercent", 0.0}, {"pointsource", "T"}, {"scan", false}, {"span", 10.0}}}},
		{"percentage alone", point(Rule{Attributes: map[string]any{"compdevpercent": 1.0}}), "m f=1 1", Spec{Type: "Float64", Attributes: []Attribute{{"compdevpercent", 1.0}}}},
		{"filter", Config{UnchangedMaxInterval: *dur(time.Hour), Points: []Rule{{Field: "f", UnchangedMaxInterval: dur(time.Minute)}}},
			"m f=1 1", Spec{Type: "Float64", Attributes: lossless, unchanged: time.Minute}},
		{"no filter", Config{UnchangedMaxInterval: *dur(time.Hour), Points: []Rule{{Field: "f", UnchangedMaxInterval: dur(0)}}}, "m f=1 1", Spec{Type: "Float64", Attributes: lossless}},
	} {
		t.Run(test.name, func(t *testing.T) {
			points := newMapping(t, test.c).points(t, test.line)
			require.Len(t, points, 1)
			got := *points[0].Spec
			got.name = nil
			if test.want.Class == "" {
				test.want.Class = "base"
			}
			require.Equal(t, test.want, got)
		})
	}
}

// TestSpecsAreShared keeps a Spec for all points alike, and tells those apart that are not.
func TestSpecsAreShared(t *testing.T) {
	m := newMapping(t, Config{Points: []Rule{{Field: "b", Units: ptr("u")}}})
	p := m.points(t, "m a=1,b=1,c=1,d=1i 1")
	require.Same(t, p[0].Spec, p[2].Spec)
	require.NotSame(t, p[0].Spec, p[1].Spec)
	require.NotSame(t, p[0].Spec, p[3].Spec)
	require.Equal(t, 3, m.rules.specs.Len())
}

func TestSkip(t *testing.T) {
	m := newMapping(t, Config{
		FieldsInclude: []string{"a*", "m.b"}, FieldsExclude: []string{"m.a9"},
		Points:    []Rule{{Field: "a2", Skip: ptr(false)}, {Measurement: "m", Tags: map[string]string{"host": "x"}, Skip: ptr(true)}},
		Overrides: []Override{{Measurement: "m", Field: "z", Tag: "Z"}},
	})
	require.Equal(t, []string{"m.a1 1@1", "m.b 3@1", "Z 5@1"}, m.do(t, "m a1=1,a9=2,b=3,c=4,z=5 1"), "an override wins")
	require.Equal(t, []string{"x.m.a2 2@1"}, m.do(t, "m,host=x a1=1,a2=2 1"))
	require.Equal(t, []string{"n.a9 1@1"}, m.do(t, "n a9=1,b=1 1"))
	require.EqualValues(t, 4, m.Stats().Skipped)

	nothing := newMapping(t, Config{FieldsInclude: []string{}})
	require.Empty(t, nothing.do(t, "m a=1 1"), "an empty list is a choice")
}

func TestNameAndDescriptorByRule(t *testing.T) {
	m := newMapping(t, Config{Points: []Rule{
		{Measurement: "cpu", Name: "CPU.{{field}}"},
		{Descriptor: ptr("{{field}} of\n{{host}}  ")},
		{Measurement: "cpu", Name: "never.{{field}}", Descriptor: ptr("never")},
	}})
	p := m.points(t, "cpu,host=a u=1 1")[0]
	require.Equal(t, "CPU.u", p.Name)
	text, err := p.Descriptor()
	require.NoError(t, err)
	require.Equal(t, "u of a", text)

	p = newMapping(t, Config{}).points(t, `cpu\ x,host=a\ b,k=\,\t u\ v=1 1`)[0]
	text, err = p.Descriptor()
	require.NoError(t, err)
	require.Equal(t, `cpu x u v host=a b k=,\t`, text)
}

func TestValidateNames(t *testing.T) {
	rule := func(r ...Rule) Config { return Config{Points: r} }
	over := func(o ...Override) Config { return Config{Overrides: o} }
	for _, test := range []struct {
		name string
		c    Config
		want []string
	}{
		{"well", Config{}, nil},
		{"syntax of a template", Config{PointName: "{{host"}, []string{`point_name = "{{host": at line 1`}},
		{"unknown function", Config{PointName: "{{hosts}}.{{field}}"}, []string{`function "hosts" not defined`}},
		{"template that fails", Config{PointName: `{{tag}}.{{field}}`}, []string{"wrong number of args"}},
		{"template without field", Config{PointName: "{{host}}"}, []string{"it gives all fields of a series one name, such as \"host\": use {{field}}"}},
		{"template of nothing", Config{PointName: "{{tag \"x\"}}"}, []string{"of which no name comes"}},
		{"AF path without attribute", Config{AFDatabase: `\\A\B`, AFPath: `{{host}}\{{field}}`}, []string{"af_path = ", "there is no attribute"}[:1]},
		{"point_name does not matter for AF", Config{AFDatabase: `\\A\B`, PointName: "{{"}, nil},
		{"two templates", Config{PointName: "{{", Points: []Rule{{Name: "{{"}}}, []string{"point_name", "point number 1: name ="}},

		{"type", rule(Rule{Type: "float64"}), []string{`point number 1: type = "float64": want one of ["Float64" "Float32"`}},
		{"digital without set", rule(Rule{Type: "Digital"}), []string{"needs digital_set"}},
		{"set without digital", rule(Rule{DigitalSet: "x"}), []string{`digital_set = "x": it is for type = "Digital"`}},
		{"small counter", rule(Rule{Measurement: "m", Counter: ptr(true), Type: "Float32"}), []string{`type = "Float32": it cannot hold a counter`}},
		{"compdev", rule(Rule{CompDev: ptr(-1.0)}), []string{"compdev = -1: want a number of zero or more"}},
		{"attribute with an option", rule(Rule{Attributes: map[string]any{"EngUnits": "x"}}), []string{"attributes.EngUnits: it has an option of its own, units"}},
		{"attribute that is a list", rule(Rule{Attributes: map[string]any{"x": []any{}}}), []string{"attributes.x: want a text"}},
		{"descriptor", rule(Rule{Descriptor: ptr("{{x}}")}), []string{`descriptor = "{{x}}": at line 1`}},
		{"filter", rule(Rule{UnchangedMaxInterval: dur(time.Millisecond)}), []string{"unchanged_max_interval"}},
		{"number of the rule", rule(Rule{}, Rule{Type: "x"}), []string{"point number 2:"}},

		{"all as Float32", rule(Rule{Type: "Float32"}), []string{"point number 1: type = \"Float32\": it matches the counter bytes_in of ipvs_real_server"}},
		{"IPVS counter as Int32", rule(Rule{Measurement: "ipvs_virtual*", Field: "pkts_in", Type: "Int32"}), []string{"it matches the counter pkts_in of ipvs_virtual_server"}},
		{"shielded", rule(Rule{Measurement: "ipvs*", Type: "Float64"}, Rule{Type: "Float32"}), nil},
		{"shielded for some", rule(Rule{Measurement: "ipvs*", Tags: map[string]string{"a": "b"}, Type: "Float64"}, Rule{Type: "Float32"}), []string{"point number 2: "}},
		{"IPVS rates as Float32", rule(Rule{Measurement: "ipvs*", Field: "?ps*", Type: "Float32"}), nil},
		{"counters as text", rule(Rule{Type: "String"}), nil},

		{"override without anything", over(Override{}), []string{"override number 1: measurement is not set", "field is not set", "tag is not set"}},
		{"illegal tag", over(Override{Measurement: "m", Field: "f", Tag: "a*"}), []string{`tag = "a*": PI allows none of`}},
		{"never used", over(Override{Measurement: "m", Field: "f", Tag: "A"}, Override{Measurement: "m", Field: "f", Tags: map[string]string{"a": "b"}, Tag: "B"}),
			[]string{"override number 2 is never used: number 1 takes all"}},
		{"special before general", over(Override{Measurement: "m", Field: "f", Tags: map[string]string{"a": "b"}, Tag: "A"}, Override{Measurement: "m", Field: "f", Tag: "B"}), nil},
		{"two fields for one tag", over(Override{Measurement: "m", Field: "f", Tag: "A"}, Override{Measurement: "m", Field: "g", Tag: "a"}), []string{`override number 2: tag = "a" is that of number 1 too`}},
		{"relative AF path without database", over(Override{Measurement: "m", Field: "f", Tag: "E|A"}), []string{"without af_database"}},
		{"AF path without database in it", over(Override{Measurement: "m", Field: "f", Tag: `\\AF\E|A`}), []string{`want '\\SERVER\DATABASE\Element|Attribute'`}},
		{"AF path", over(Override{Measurement: "m", Field: "f", Tag: `\\AF\DB\E|A|B`}), nil},
		{"AF path with a hole", over(Override{Measurement: "m", Field: "f", Tag: `\\AF\DB\E||B`}), []string{`"" is no name`}},
		{"point of another server", over(Override{Measurement: "m", Field: "f", Tag: `\\OTHER\A`}), nil},
		{"server without point", over(Override{Measurement: "m", Field: "f", Tag: `\\OTHER`}), []string{`want '\\SERVER\NAME'`}},
		{"point beside AF", Config{AFDatabase: `\\A\B`, Overrides: []Override{{Measurement: "m", Field: "f", Tag: "A"}}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.c.DataServer = "S"
			_, err := NewMapper(test.c, nil)
			configtest.RequireProblems(t, err, test.want)
		})
	}
	_, err := NewMapper(Config{AFDatabase: `\\A\B`, Overrides: []Override{{Measurement: "m", Field: "f", Tag: "A"}}}, nil)
	require.ErrorContains(t, err, "a PI point needs data_server")
}

func TestOverrides(t *testing.T) {
	m := newMapping(t, Config{DataServer: "S", Overrides: []Override{
		{Measurement: "cpu", Field: "u", Tags: map[string]string{"host": "a"}, Tag: "BA:CPU.1"},
		{Measurement: "cpu", Field: "u", Tags: map[string]string{"host": "b", "cpu": "total"}, Tag: `\\OTHER\X`},
		{Measurement: "cpu", Field: "v", Tag: `\\AF\DB\E|A`},
		{Measurement: "cpu", Field: "w", Tag: `\\s\Y`},
	}})
	for _, test := range []struct{ line, name, path string }{
		{"cpu,host=a,x=1 u=1 1", "BA:CPU.1", `\\S\BA:CPU.1`},
		{"cpu,cpu=total,host=b u=1 1", "X", `\\OTHER\X`},
		{"cpu,host=b v=1 1", `\\AF\DB\E|A`, `\\AF\DB\E|A`},
		{"cpu,host=b w=1 1", "Y", `\\s\Y`},
	} {
		p := m.points(t, test.line)
		require.Len(t, p, 1, test.line)
		require.Equal(t, []string{test.name, test.path}, []string{p[0].Name, p[0].Path})
		require.True(t, p[0].Fixed)
		require.Equal(t, pi.PointType("Float64"), p[0].Spec.Type)
	}
	require.Equal(t, []string{"b.cpu.u 1@1"}, m.do(t, "cpu,host=b u=1i 1"))

	af := newMapping(t, Config{DataServer: "S", AFDatabase: `\\AF\DB`, Overrides: []Override{
		{Measurement: "m", Field: "f", Tag: `E|A`}, {Measurement: "m", Field: "g", Tag: "POINT"}, {Measurement: "m", Field: "h", Tag: `\\af\db\E|B`},
	}})
	p := af.points(t, "m f=1,g=1,h=1 1")
	require.Equal(t, []string{`E|A`, `\\AF\DB\E|A`}, []string{p[0].Name, p[0].Path})
	require.Equal(t, []string{`POINT`, `\\S\POINT`}, []string{p[1].Name, p[1].Path})
	require.Equal(t, []string{`E|B`, `\\af\db\E|B`}, []string{p[2].Name, p[2].Path})
	require.True(t, p[0].IsAttribute())
	require.False(t, p[1].IsAttribute())
}
