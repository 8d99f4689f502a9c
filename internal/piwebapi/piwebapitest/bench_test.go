package piwebapitest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// BenchmarkRecorded writes 5000 values in a request, to many points and to few.
func BenchmarkRecorded(b *testing.B) {
	for _, points := range []int{5000, 50} {
		for _, option := range []string{"NoReplace", "Replace"} {
			b.Run(fmt.Sprintf("%d points %s", points, option), func(b *testing.B) {
				now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
				s := newServer(b, Config{RateLimit: -1, MaxEvents: 10000, Now: func() time.Time { return now }})
				ids := make([]string, points)
				for i := range ids {
					name := fmt.Sprintf("LB.lb01.ipvs.vs.tcp_10.0.%d.%d_80.connections", i/250, i%250)
					if err := s.CreatePoint(PointSpec{Name: name}); err != nil {
						b.Fatal(err)
					}
					ids[i] = webID(b, s, name)
				}
				const total = 5000
				var bodies [][]byte
				for n := range 16 { // different times, so that values are added, not met again
					var body bytes.Buffer
					body.WriteByte('[')
					for i, id := range ids {
						if i > 0 {
							body.WriteByte(',')
						}
						fmt.Fprintf(&body, `{"WebId":%q,"Items":[`, id)
						for j := range total / points {
							if j > 0 {
								body.WriteByte(',')
							}
							at := now.Add(time.Duration(n*total+j) * time.Millisecond)
							fmt.Fprintf(&body, `{"Timestamp":%q,"Value":%d.%d}`, appendTime(nil, at), 123456789+i, j%10)
						}
						body.WriteString("]}")
					}
					body.WriteByte(']')
					bodies = append(bodies, body.Bytes())
				}
				b.ReportAllocs()
				b.ResetTimer()
				n := 0
				for b.Loop() {
					r := httptest.NewRequest("POST", "http://x/piwebapi/streamsets/recorded?updateOption="+option, bytes.NewReader(bodies[n%len(bodies)]))
					r.Header = http.Header{"X-Requested-With": {"x"}, "Content-Type": {"application/json"}}
					w := httptest.NewRecorder()
					s.ServeHTTP(w, r)
					if w.Code != 202 {
						b.Fatal(w.Code, w.Body.String())
					}
					n++
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*total), "ns/value")
			})
		}
	}
}
