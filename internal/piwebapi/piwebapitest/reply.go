package piwebapitest

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// contentJSON is what the original says of its answers.
const contentJSON = "application/json; charset=utf-8"

// reply is an answer, made as a whole before any of it is sent.
type reply struct {
	status int
	header http.Header // nil for none
	body   []byte
	html   bool // of the body, JSON otherwise
}

func (r *reply) with(key, value string) *reply {
	if r.header == nil {
		r.header = make(http.Header)
	}
	r.header.Add(key, value)
	return r
}

// object is a JSON object on its way out.
type object = map[string]any

// answer renders v, which must be made of what package encoding/json can write.
func answer(status int, v any) *reply {
	body, err := json.Marshal(v)
	if err != nil {
		return failure(http.StatusInternalServerError, err.Error())
	}
	return &reply{status: status, body: body}
}

// items renders a list.
func items[T any](status int, list []T) *reply {
	if list == nil {
		list = []T{}
	}
	return answer(status, object{"Links": object{}, "Items": list})
}

// failure renders errors in the form of PI Web API.
func failure(status int, messages ...string) *reply {
	return answer(status, object{"Errors": messages})
}

// refusal renders a message in the form of the framework below PI Web API.
func refusal(status int, message string) *reply {
	return answer(status, object{"Message": message})
}

// page renders a page as http.sys or a proxy would.
func page(status int, title string) *reply {
	return &reply{status: status, html: true, body: []byte(`<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN">` +
		"\r\n<HTML><HEAD><TITLE>" + title + "</TITLE></HEAD>\r\n<BODY><h2>" + title + "</h2>\r\n<hr><p>HTTP Error " +
		strconv.Itoa(status) + ". " + title + ".</p>\r\n</BODY></HTML>\r\n")}
}

// bom is U+FEFF in UTF-8.
const bom = "\xEF\xBB\xBF"

// send writes r. A body that cut makes shorter breaks the connection at its end.
func (s *Server) send(w http.ResponseWriter, r *reply, cut bool) {
	header := w.Header()
	for key, values := range r.header {
		header[key] = values
	}
	body := r.body
	if s.config.BOM && len(body) > 0 && !r.html {
		body = append([]byte(bom), body...)
	}
	header.Set("Date", s.config.Now().UTC().Format(http.TimeFormat))
	header.Set("Cache-Control", "no-cache")
	if len(body) > 0 {
		header.Set("Content-Type", contentJSON)
		if r.html {
			header.Set("Content-Type", "text/html; charset=utf-8")
		}
	}
	if r.status != http.StatusNoContent {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(r.status)
	if cut {
		_, _ = w.Write(body[:len(body)/2]) // to a client that is about to lose its connection
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(body) // a client that is gone misses its answer; nothing else can be done
}
