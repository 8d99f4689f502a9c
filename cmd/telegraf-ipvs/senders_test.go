package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSenders sends to the program what known senders send, byte for byte, and expects what they expect.
func TestSenders(t *testing.T) {
	iron, open := startReceiver(t, "irondb"), startReceiver(t, "opentsdb")
	now := time.Now().Unix()
	web := map[string]string{"host": "web01"}
	for _, test := range []struct {
		name string
		to   receiver
		send func(*testing.T, *dialogue)
		want func(receiver) []decoded
	}{
		{"tcollector", iron, func(t *testing.T, d *dialogue) {
			d.write("version\n")
			require.NoError(t, d.conn.SetReadDeadline(time.Now().Add(15*time.Second)))
			answer := make([]byte, 4096)
			n, err := d.conn.Read(answer)
			require.NoError(t, err, "the server is blacklisted")
			require.Greater(t, n, 0)
			require.Less(t, n, len(answer), "the sender would read on, and wait")
			d.write(fmt.Sprintf("put proc.loadavg.1min %[1]d 0.18 host=web01\n"+
				"put tcollector.reader.lines_collected %[1]d 7  host=web01\n"+
				"put tcollector.collector.lines_sent %[1]d 5 collector=ifstat host=web01\n", now))
		}, func(r receiver) []decoded {
			return []decoded{
				r.point("proc.loadavg.1min", now, 0.18, web),
				r.point("tcollector.reader.lines_collected", now, int64(7), web),
				r.point("tcollector.collector.lines_sent", now, int64(5), map[string]string{"collector": "ifstat", "host": "web01"}),
			}
		}},
		{"tcollector over HTTP", open, func(t *testing.T, d *dialogue) {
			body := fmt.Sprintf(`[{"timestamp": %d, "metric": "proc.loadavg.1min", "value": 0.18, "tags": {"host": "web01"}}]`, now)
			d.post("/api/put", body, "Content-Type: application/json\r\nAccept-Encoding: identity\r\nConnection: close\r\n")
			d.expect(http.StatusNoContent)
		}, func(r receiver) []decoded { return []decoded{r.point("proc.loadavg.1min", now, 0.18, web)} }},
		{"Telegraf", iron, func(t *testing.T, d *dialogue) { // a write for each line, then it hangs up
			d.write(fmt.Sprintf("put cpu_usage_idle %d 98.500000 cpu=cpu0 host=web01\n", now))
			d.write(fmt.Sprintf("put mem_free %d 123456789 host=web01\n", now))
		}, func(r receiver) []decoded {
			return []decoded{
				r.point("cpu_usage_idle", now, 98.5, map[string]string{"cpu": "cpu0", "host": "web01"}),
				r.point("mem_free", now, int64(123456789), web),
			}
		}},
		{"Telegraf over HTTP", iron, func(t *testing.T, d *dialogue) {
			body := fmt.Sprintf(`[{"metric":"cpu_usage_idle","timestamp":%[1]d,"value":"98.500000","tags":{"cpu":"cpu0","host":"web01"}}`+"\n"+
				`,{"metric":"mem_free","timestamp":%[1]d,"value":123456789,"tags":{"host":"web01"}}`+"\n]", now)
			d.post("/api/put", zipped(body), "User-Agent: Go-http-client/1.1\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\n")
			d.expect(http.StatusOK) // any 2xx will do
		}, func(r receiver) []decoded {
			return []decoded{
				r.point("cpu_usage_idle", now, 98.5, map[string]string{"cpu": "cpu0", "host": "web01"}),
				r.point("mem_free", now, int64(123456789), web),
			}
		}},
		{"scollector", open, func(t *testing.T, d *dialogue) {
			body := fmt.Sprintf(`[{"metric":"os.cpu","timestamp":%d,"value":12.5,"tags":{"host":"web01"}}]`+"\n", now)
			d.post("/api/put", zipped(body), "Content-Encoding: gzip\r\nContent-Type: application/json\r\nX-Access-Token: secret\r\n")
			d.expect(http.StatusNoContent) // all else means: once more
			d.post("/api/metadata/put", `[{"Metric":"os.cpu","Name":"rate","Value":"counter"}]`+"\n", "Content-Type: application/json\r\n")
			d.expect(http.StatusNoContent)
		}, func(r receiver) []decoded { return []decoded{r.point("os.cpu", now, 12.5, web)} }},
		{"Prometheus adapter", open, func(t *testing.T, d *dialogue) {
			body := fmt.Sprintf(`[{"metric":"http_requests_total","timestamp":%d,"value":3,"tags":{"code":"200","path":"_2F"}}]`, now)
			d.post("/api/put", body, "Content-Type: application/json\r\n")
			d.expect(http.StatusNoContent)
		}, func(r receiver) []decoded {
			return []decoded{r.point("http_requests_total", now, int64(3), map[string]string{"code": "200", "path": "_2F"})}
		}},
		{"Netdata", iron, func(t *testing.T, d *dialogue) {
			d.write(fmt.Sprintf("put netdata.system.cpu.user %[1]d 12.5000000 host=web01 env=prod\n"+
				"put netdata.system.io.in %[1]d -42 host=web01\n", now))
		}, func(r receiver) []decoded {
			return []decoded{
				r.point("netdata.system.cpu.user", now, 12.5, map[string]string{"host": "web01", "env": "prod"}),
				r.point("netdata.system.io.in", now, int64(-42), web),
			}
		}},
		{"Netdata over HTTP", iron, func(t *testing.T, d *dialogue) {
			for i := range 2 { // on one connection
				d.post("/api/put", fmt.Sprintf("[\n"+
					`{"metric":"netdata.system.cpu.user","timestamp":%[1]d,"value":12.5000000,"tags":{"host":"web01"}}`+",\n"+
					`{"metric":"netdata.system.io.in","timestamp":%[1]d,"value":-42,"tags":{"host":"web01"}}`+"\n]\n", now+int64(i)),
					"Content-Type: application/json\r\n")
				d.expect(http.StatusOK)
			}
		}, func(r receiver) (list []decoded) {
			for i := range int64(2) {
				list = append(list, r.point("netdata.system.cpu.user", now+i, 12.5, web), r.point("netdata.system.io.in", now+i, int64(-42), web))
			}
			return list
		}},
		{"Icinga 2", iron, func(t *testing.T, d *dialogue) {
			d.write(fmt.Sprintf("put icinga.host.hostalive.rta %d 0.000432  host=web01\n", now))
		}, func(r receiver) []decoded {
			return []decoded{r.point("icinga.host.hostalive.rta", now, 0.000432, web)}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", test.to.address)
			require.NoError(t, err)
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			test.send(t, &dialogue{t: t, conn: conn, in: bufio.NewReader(conn)})
			require.NoError(t, conn.Close())
			want := test.want(test.to)
			require.Equal(t, want, test.to.metrics(t, len(want)))
		})
	}
	for _, r := range []receiver{iron, open} {
		r.close(t)
	}
}

// A dialogue is a sender's side of a connection.
type dialogue struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (d *dialogue) write(text string) {
	d.t.Helper()
	_, err := io.WriteString(d.conn, text)
	require.NoError(d.t, err)
}

func (d *dialogue) post(path, body, header string) {
	d.t.Helper()
	d.write(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n%s", path, d.conn.RemoteAddr(), header, len(body), body))
}

func (d *dialogue) expect(status int) {
	d.t.Helper()
	answer, err := http.ReadResponse(d.in, nil)
	require.NoError(d.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(d.t, err)
	require.Equal(d.t, status, answer.StatusCode, "%s", text)
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.Copy(w, strings.NewReader(text))
	_ = w.Close()
	return b.String()
}
