package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFrameRoundTrip(t *testing.T) {
	tests := []struct {
		name string
		f    frame
		wire []byte
	}{
		{"hello", frame{kind: kindHello}, []byte{1, 0, 0, 0, 0, 0}},
		{"stdout", frame{kind: kindData, arg: streamStdout, payload: []byte("ok\n")}, []byte{3, 1, 0, 0, 0, 3, 'o', 'k', '\n'}},
		{"end of stdin", frame{kind: kindEOF, arg: streamStdin}, []byte{4, 0, 0, 0, 0, 0}},
		{"signal", frame{kind: kindSignal, arg: 15}, []byte{6, 15, 0, 0, 0, 0}},
		{"exit", frame{kind: kindExit, arg: 7}, []byte{7, 7, 0, 0, 0, 0}},
		{"largest", frame{kind: kindData, arg: streamOut, payload: make([]byte, maxPayload)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var wire bytes.Buffer
			w := &frameWriter{w: &wire}
			require.NoError(t, w.write(tt.f.kind, tt.f.arg, tt.f.payload))
			if tt.wire != nil {
				require.Equal(t, tt.wire, wire.Bytes())
			}
			got, err := readFrame(bufio.NewReader(&wire))
			require.NoError(t, err)
			require.Equal(t, tt.f, got)
		})
	}
}

func TestFrameErrors(t *testing.T) {
	tests := []struct {
		name string
		wire []byte
		want error
	}{
		{"nothing", nil, io.EOF},
		{"half a header", []byte{3, 1, 0}, io.ErrUnexpectedEOF},
		{"half a payload", []byte{3, 1, 0, 0, 0, 4, 'a'}, io.ErrUnexpectedEOF},
		{"no payload", []byte{3, 1, 0, 0, 0, 4}, io.ErrUnexpectedEOF},
		{"kind zero", []byte{0, 0, 0, 0, 0, 0}, errFrame},
		{"kind unknown", []byte{99, 0, 0, 0, 0, 0}, errFrame},
		{"payload too long", []byte{3, 1, 0xff, 0xff, 0xff, 0xff}, errFrame},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readFrame(bufio.NewReader(bytes.NewReader(tt.wire)))
			require.ErrorIs(t, err, tt.want)
		})
	}
	w := &frameWriter{w: io.Discard}
	require.ErrorIs(t, w.write(kindData, 0, make([]byte, maxPayload+1)), errFrame)
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 0})
	f.Add([]byte{3, 1, 0, 0, 0, 3, 'o', 'k', '\n', 4, 1, 0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 0, 0, 0})
	f.Add([]byte{3, 1, 0, 0, 0x80, 0, 1})
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := bufio.NewReader(bytes.NewReader(wire))
		var again bytes.Buffer
		w := &frameWriter{w: &again}
		for {
			got, err := readFrame(r)
			if err != nil {
				require.True(t, errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errFrame), "%v", err)
				break
			}
			require.NoError(t, w.write(got.kind, got.arg, got.payload))
		}
		require.True(t, bytes.HasPrefix(wire, again.Bytes()), "what was read must be written as it was")
	})
}
