package piwebapitest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pi.jsonl")
	s := newServer(t, Config{Store: file}, PointSpec{Name: "a", Descriptor: "d"}, PointSpec{Name: "text", Type: "String"},
		PointSpec{Name: "f32", Type: "Float32"}, PointSpec{Name: "int", Type: "Int32"}, PointSpec{Name: "when", Type: "Timestamp"},
		PointSpec{Name: "gone"}, PointSpec{Name: "empty"})
	require.NoError(t, s.CreateDigitalSet("Updown", "Up"))
	sets := "enumerationsets/" + s.reg.setIdentity(s.reg.sets["UPDOWN"]).webID("Full")
	require.Equal(t, 201, call(t, s, "POST", sets+"/enumerationvalues", `{"Name":"Down","Value":1}`).status)
	require.NoError(t, s.CreatePoint(PointSpec{Name: "state", Type: "Digital", DigitalSet: "Updown"}))
	post(t, s, "", "a", timed(0, "1"), timed(1, "-2.5e-300"), timed(2, "1e308"), timed(2, "3"), timed(3, `"x"`))
	post(t, s, "updateOption=Insert", "a", timed(0, "4"), `{"Timestamp":"2026-03-04T11:00:00.0000153Z","Value":5}`)
	post(t, s, "updateOption=Remove", "a", timed(1, "0"))
	post(t, s, "", "a", `{"Timestamp":"*-1d","Value":"I/O Timeout","Good":false}`)
	post(t, s, "", "text", timed(0, `"\"é\n"`))
	post(t, s, "", "f32", timed(0, "0.1"))
	post(t, s, "", "int", timed(0, "-2147450880"))
	post(t, s, "", "when", timed(0, `"2026-01-02T03:04:05.6789Z"`))
	post(t, s, "", "state", timed(0, `"Down"`))
	post(t, s, "", "gone", timed(0, `1`))
	post(t, s, "", "empty", timed(0, `{}`))
	id := webID(t, s, "a")
	require.Equal(t, 204, call(t, s, "PATCH", "points/"+id, `{"EngineeringUnits":"m"}`).status)
	require.Equal(t, 204, call(t, s, "PUT", "points/"+id+"/attributes/compdev", "0").status)
	require.NoError(t, s.Rename("a", "b"))
	require.NoError(t, s.Delete("gone"))

	names := []string{"b", "text", "f32", "int", "when", "state", "empty"}
	stored := make(map[string][]Event)
	for _, name := range names {
		stored[name] = s.Stored(name)
	}
	want, _ := s.Point("b")
	require.Len(t, want.Attributes, len(s.reg.find("b").attributeNames()))

	_, err := New(Config{Store: file})
	require.ErrorContains(t, err, "another server uses it")
	s.Close()

	// What a process leaves that dies in the middle of a line.
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"id":1,"option":"Replace","values":[[11`)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	for range 2 { // reading changes nothing
		again := newServer(t, Config{Store: file})
		for _, name := range names {
			require.Equal(t, stored[name], again.Stored(name), name)
		}
		got, ok := again.Point("b")
		require.True(t, ok)
		require.Equal(t, want.WebID, got.WebID)
		require.Equal(t, want.PointSpec, got.PointSpec)
		require.EqualValues(t, 0, got.Attributes["compdev"])
		require.Len(t, again.Points(), len(names))
		require.Equal(t, 202, call(t, again, "POST", "streams/"+id+"/value", timed(0, "4")).status)
		stored["b"] = again.Stored("b")
		require.NoError(t, again.CreatePoint(PointSpec{Name: "next"}))
		require.Greater(t, again.reg.find("next").id, again.reg.find("state").id)
		require.NoError(t, again.Delete("next"))
		require.Panics(t, again.Reset)
		again.Close()
	}
}

func TestStoreErrors(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"no JSON": "x\n", "option": `{"point":{"ID":1,"Spec":{"Name":"a"}}}` + "\n" + `{"id":1,"option":"x","values":[[1,0,1]]}` + "\n",
		"value": `{"point":{"ID":1,"Spec":{"Name":"a"}}}` + "\n" + `{"id":1,"values":[["1",0,1]]}` + "\n",
		"name":  `{"point":{"ID":1,"Spec":{"Name":"*"}}}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, name)
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			_, err := New(Config{Store: file})
			require.ErrorContains(t, err, "line")
		})
	}
	_, err := New(Config{Store: dir})
	require.Error(t, err)

	s := newServer(t, Config{Store: filepath.Join(dir, "full")}, PointSpec{Name: "a"})
	require.NoError(t, s.store.file.Close()) // as good as a full disk
	require.Equal(t, 500, post(t, s, "", "a", timed(0, "1")).status)
	require.Error(t, s.CreatePoint(PointSpec{Name: "b"}))
}

// TestStoreOrder has many writers and reads the file again: it must give what the memory had.
func TestStoreOrder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pi.jsonl")
	s := newServer(t, Config{Store: file}, PointSpec{Name: "a"})
	done := make(chan int)
	for i := range 8 {
		go func() {
			for j := range 50 {
				post(t, s, []string{"", "updateOption=Insert", "updateOption=Remove"}[(i+j)%3], "a", timed(float64(j%5), "1"))
			}
			done <- i
		}()
	}
	for range 8 {
		<-done
	}
	want := s.Stored("a")
	s.Close()
	require.Equal(t, want, newServer(t, Config{Store: file}).Stored("a"))
}
