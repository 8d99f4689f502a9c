package peertest_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/peertest"
)

func TestInfluxQL(t *testing.T) {
	s := peertest.InfluxDB(t)
	require.Equal(t, [][]peertest.Series{nil, nil}, s.Execute(t, "", `CREATE DATABASE "a"; CREATE RETENTION POLICY "b" ON "a" DURATION INF REPLICATION 1`))
	s.WriteLines(t, "a", "", "m,host=x n=9007199254740993i,text=\"y\" 1700000000123456789\n")
	s.WriteLines(t, "a", "b", "m,host=x f=1.5 1700000000123456790\nm,host=z f=2 1700000000123456791\n")
	number := func(text string) any { return json.Number(text) }
	require.Equal(t, [][]peertest.Series{
		{{
			Name: "m", Columns: []string{"time", "host", "n", "text"},
			Values: [][]any{{number("1700000000123456789"), "x", number("9007199254740993"), "y"}},
		}},
		{
			{Name: "m", Tags: map[string]string{"host": "x"}, Columns: []string{"time", "f"}, Values: [][]any{{number("1700000000123456790"), number("1.5")}}},
			{Name: "m", Tags: map[string]string{"host": "z"}, Columns: []string{"time", "f"}, Values: [][]any{{number("1700000000123456791"), number("2")}}},
		},
	}, s.Execute(t, "a", `SELECT * FROM m; SELECT f FROM b.m GROUP BY host`))
}
