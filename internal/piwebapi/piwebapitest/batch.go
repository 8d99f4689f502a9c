package piwebapitest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// subRequest is one request of a batch. RequestTemplate is not done.
type subRequest struct {
	Method, Resource string
	Content          *string
	Headers          map[string]string
	Parameters       []string
	ParentIds        []string
	RequestTemplate  json.RawMessage
}

// subResponse is its answer.
type subResponse struct {
	Status  int
	Headers map[string]string
	Content any
}

// postBatch carries out the requests of a batch one after the other, parents before their children.
func (s *Server) postBatch(r *request) *reply {
	var batch map[string]subRequest
	if err := json.Unmarshal(r.body, &batch); err != nil || len(batch) == 0 {
		return failure(http.StatusBadRequest, errShape.Error())
	}
	order, err := batchOrder(batch)
	if err != nil {
		return failure(http.StatusBadRequest, err.Error())
	}
	done := make(map[string]subResponse, len(batch))
	for _, id := range order {
		done[id] = s.batchStep(r, batch[id], done)
	}
	return answer(http.StatusMultiStatus, done)
}

// batchOrder puts parents before their children, by name otherwise.
func batchOrder(batch map[string]subRequest) ([]string, error) {
	var order []string
	left := slices.Sorted(maps.Keys(batch))
	for len(left) > 0 {
		n := len(left)
		left = slices.DeleteFunc(left, func(id string) bool {
			for _, parent := range batch[id].ParentIds {
				if !slices.Contains(order, parent) {
					return false
				}
			}
			order = append(order, id)
			return true
		})
		if len(left) == n {
			return nil, fmt.Errorf("the parents of %q are unknown or form a circle", left[0])
		}
	}
	return order, nil
}

// batchStep carries out one request, whose parents are done.
func (s *Server) batchStep(r *request, sub subRequest, done map[string]subResponse) subResponse {
	for _, parent := range sub.ParentIds {
		if status := done[parent].Status; status < 200 || status > 299 {
			return batchError(s.config.ChildStatus, "The parent request '"+parent+"' has failed.")
		}
	}
	if len(sub.RequestTemplate) > 0 && string(sub.RequestTemplate) != "null" {
		return batchError(http.StatusBadRequest, "Request templates are not supported.")
	}
	args := make([]string, len(sub.Parameters))
	for i, path := range sub.Parameters {
		value, err := jsonPath(path, sub.ParentIds, done)
		if err != nil {
			return batchError(http.StatusBadRequest, err.Error())
		}
		args[i] = value
	}
	target, err := url.Parse(fill(sub.Resource, args))
	if err != nil {
		return batchError(http.StatusBadRequest, "The resource is no URL.")
	}
	path, ok := cutBase(target.Path) // whatever the authority is
	if !ok {
		return batchError(http.StatusBadRequest, "The resource lies outside of PI Web API.")
	}
	method := strings.ToUpper(sub.Method)
	call, callArgs, handler := s.route(method, path)
	if call == "POST batch" {
		return batchError(http.StatusBadRequest, "A batch cannot hold a batch.")
	}
	inner := *r
	inner.call, inner.method, inner.args, inner.query = call, method, callArgs, target.Query()
	inner.body = nil
	if sub.Content != nil {
		inner.body = []byte(fill(*sub.Content, args))
	}
	rep := handler(&inner)
	s.count("batch: "+call, rep.status)
	return batchAnswer(rep)
}

func batchError(status int, message string) subResponse {
	return batchAnswer(failure(status, message))
}

func batchAnswer(rep *reply) subResponse {
	out := subResponse{Status: rep.status, Headers: make(map[string]string)}
	for key := range rep.header {
		out.Headers[key] = rep.header.Get(key)
	}
	if len(rep.body) > 0 {
		out.Headers["Content-Type"] = contentJSON
		if json.Unmarshal(rep.body, &out.Content) != nil {
			out.Content = string(rep.body)
		}
	}
	return out
}

// fill replaces {0}, {1} and so on.
func fill(text string, args []string) string {
	for i, arg := range args {
		text = strings.ReplaceAll(text, "{"+strconv.Itoa(i)+"}", arg)
	}
	return text
}

// jsonPath reads a path such as $.Id.Headers.Location or $.Id.Content.Items[0].WebId from the answer of a parent.
func jsonPath(path string, parents []string, done map[string]subResponse) (string, error) {
	none := fmt.Errorf("the parameter %q does not lead to a value of a parent", path)
	rest, ok := strings.CutPrefix(path, "$.")
	if !ok {
		return "", none
	}
	var steps []string
	for part := range strings.SplitSeq(rest, ".") {
		name, index, indexed := strings.Cut(part, "[")
		steps = append(steps, name)
		if indexed {
			for one := range strings.SplitSeq(strings.TrimSuffix(index, "]"), "][") {
				steps = append(steps, strings.Trim(one, `'"`))
			}
		}
	}
	if len(steps) < 2 || !slices.Contains(parents, steps[0]) {
		return "", none
	}
	parent := done[steps[0]]
	var at any
	switch steps[1] {
	case "Content":
		at = parent.Content
	case "Status":
		at = float64(parent.Status)
	case "Headers":
		headers := make(map[string]any)
		for key, value := range parent.Headers {
			headers[key] = value
		}
		at = headers
	}
	for _, step := range steps[2:] {
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			if n, err := strconv.Atoi(step); err == nil && n >= 0 && n < len(v) {
				at = v[n]
				continue
			}
			return "", none
		default:
			return "", none
		}
	}
	switch v := at.(type) {
	case string:
		return v, nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", none
}
