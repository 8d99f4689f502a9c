package piwebapi

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestPoints(t *testing.T) {
	list, err := Points(Config{
		DataServer: "S", FieldsExclude: []string{"secret"},
		Overrides: []Override{{Measurement: "m", Field: "known", Tag: "BA:1"}},
	}, strings.NewReader(strings.Join([]string{
		"# a comment", "", "m,host=a f=1.5,secret=1,known=1i 1", "m,host=a f=2.5 2", "m,host=A f=1 1", "no line", "m g=1i", "",
	}, "\r\n")))
	require.NoError(t, err)
	var got []string
	for _, item := range list {
		text := item.Source + " -> "
		var problem *Problem
		switch {
		case item.Point != nil:
			text += item.Point.Name
		case errors.As(item.Problem, &problem):
			text += problem.Code
		default:
			text += "line"
			require.ErrorContains(t, item.Problem, "line 6: ")
		}
		got = append(got, text)
	}
	require.Equal(t, []string{
		"m,host=a f -> a.m.f", "m,host=a secret -> skipped", "m,host=a known -> BA:1", "m,host=A f -> collision", "no line -> line", "m g -> m.g",
	}, got)
	require.Equal(t, "m f host=a", list[0].Descriptor)

	var out strings.Builder
	require.NoError(t, WritePoints(&out, list))
	rows := strings.Split(out.String(), "\n")
	require.Regexp(t, `^POINT +TYPE +STEP +UNITS +SOURCE$`, rows[0])
	require.Regexp(t, `^a\.m\.f +Float64 +no +m,host=a f$`, rows[1])
	require.Regexp(t, `^- .*m,host=a secret: left out by`, rows[2])
	require.Regexp(t, `^\\\\S\\BA:1 +\(exists\) .*m,host=a known$`, rows[3])
	require.Len(t, rows, 8)

	var sheet bytes.Buffer
	require.NoError(t, WriteCSV(&sheet, list))
	require.Equal(t, "Selected(x),Name,ObjectType,Description,pointtype,ptclassname,engunits,step,digitalset,compdev,compdevpercent\r\n"+
		"x,a.m.f,PIPoint,m f host=a,Float64,base,,0,,0,0\r\n"+
		"x,m.g,PIPoint,m g,Float64,base,,1,,0,0\r\n", sheet.String(), "what exists and what has no name is left out")
}

func TestPointsErrors(t *testing.T) {
	_, err := Points(Config{DataServer: "S", PointName: "{{"}, strings.NewReader(""))
	require.ErrorContains(t, err, "point_name")
	broken := errors.New("broken")
	_, err = Points(Config{DataServer: "S"}, iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
}

func TestWriteCSV(t *testing.T) {
	list, err := Points(Config{DataServer: "S", Points: []Rule{
		{Field: "a", Descriptor: ptr("=HYPERLINK(1)"), Units: ptr("€, or so"), Attributes: map[string]any{"pointsource": "-x", "displaydigits": int64(-5), "scan": true}},
		{Field: "b", Type: "Digital", DigitalSet: "UpDown", Attributes: map[string]any{"archiving": false}},
		{Field: "c", CompDev: ptr(1e-7)},
	}}, strings.NewReader("m a=1,b=1i,c=1 1"))
	require.NoError(t, err)
	var sheet bytes.Buffer
	require.NoError(t, WriteCSV(&sheet, list))
	text, found := strings.CutPrefix(sheet.String(), "\ufeff")
	require.True(t, found, "Excel needs the mark to see UTF-8")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	head := "Selected(x) Name ObjectType Description pointtype ptclassname engunits step digitalset compdev compdevpercent displaydigits pointsource scan archiving"
	require.Equal(t, strings.Fields(head), rows[0])
	require.Equal(t, []string{"x", "m.a", "PIPoint", " =HYPERLINK(1)", "Float64", "base", "€, or so", "0", "", "0", "0", "-5", " -x", "1", ""}, rows[1])
	require.Equal(t, []string{"x", "m.b", "PIPoint", "m b", "Digital", "base", "", "1", "UpDown", "", "", "", "", "", "0"}, rows[2])
	require.Equal(t, "0.0000001", rows[3][9])

	require.ErrorContains(t, WriteCSV(failingWriter{}, list), "broken")
	require.ErrorContains(t, WritePoints(failingWriter{}, list), "broken")
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }
