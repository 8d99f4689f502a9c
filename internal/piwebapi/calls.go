package piwebapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// get asks for something and decodes the answer into v.
func (c *Client) get(ctx context.Context, path string, query url.Values, v any) error {
	return c.call(ctx, http.MethodGet, path, query, nil, v)
}

// call sends in as JSON, unless it is nil, and decodes the answer into out, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("%s: %w", callOf(path), err)
		}
	}
	r, err := c.do(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	if err := r.failure(callOf(path)); err != nil {
		return err
	}
	if out == nil || r.status == http.StatusNoContent {
		return nil
	}
	if err := json.Unmarshal(r.body, out); err != nil {
		return &StatusError{Code: r.status, Call: callOf(path),
			Messages: []string{"the answer is not that of PI Web API: " + err.Error()}}
	}
	return nil
}

// System is what PI Web API tells of itself.
type System struct {
	ProductTitle   string
	ProductVersion string
}

// Home makes the first call that one makes by hand, and returns the names of the links that it offers.
func (c *Client) Home(ctx context.Context) (links []string, err error) {
	var body struct{ Links map[string]string }
	if err := c.get(ctx, "/", nil, &body); err != nil {
		return nil, err
	}
	for name := range body.Links {
		links = append(links, name)
	}
	return links, nil
}

// System asks for the product and its version.
func (c *Client) System(ctx context.Context) (System, error) {
	var s System
	return s, c.get(ctx, "system", nil, &s)
}

// Status asks for the state of the service and the time of its clock.
func (c *Client) Status(ctx context.Context) (state string, serverTime time.Time, err error) {
	var s struct {
		State      string
		ServerTime time.Time
	}
	err = c.get(ctx, "system/status", nil, &s)
	return s.State, s.ServerTime, err
}

// User is who the server takes us for.
type User struct {
	IdentityType    string
	Name            string
	IsAuthenticated bool
}

// UserInfo asks who the server takes us for. The zero User is nobody: it works anonymously.
func (c *Client) UserInfo(ctx context.Context) (User, error) {
	var u User
	return u, c.get(ctx, "system/userinfo", nil, &u)
}

// Schemes returns the authentication schemes that the server offers to whoever shows none, and the status of its
// answer.
func (c *Client) Schemes(ctx context.Context) (schemes []string, status int, err error) {
	r, err := c.do(ctx, http.MethodGet, "system/userinfo", nil, nil)
	if err != nil {
		return nil, 0, err
	}
	for _, line := range r.header.Values("WWW-Authenticate") {
		scheme, _, _ := strings.Cut(line, " ")
		schemes = append(schemes, strings.TrimRight(scheme, ","))
	}
	return schemes, r.status, nil
}

// Probe sends a request that changes nothing but needs the right to change things, without the header against forged
// requests if bare, and returns the status.
func (c *Client) Probe(ctx context.Context, bare bool) (status int, messages []string, err error) {
	if bare {
		ctx = context.WithValue(ctx, bareKey{}, true)
	}
	r, err := c.do(ctx, http.MethodPost, "streamsets/recorded", nil, []byte("[]"))
	if err != nil {
		return 0, nil, err
	}
	return r.status, messagesOf(r), nil
}

type bareKey struct{}

func messagesOf(r *response) []string {
	if r.status/100 == 2 {
		return nil
	}
	return messages(r.body)
}

// DataServer is a PI Data Archive.
type DataServer struct {
	WebID         string `json:"WebId"`
	ID            string `json:"Id"`
	Name          string
	Path          string
	IsConnected   bool
	ServerVersion string
	ServerTime    time.Time
}

// DataServer asks for a PI Data Archive by its name.
func (c *Client) DataServer(ctx context.Context, name string) (DataServer, error) {
	var s DataServer
	err := c.get(ctx, "dataservers", url.Values{"name": {name}}, &s)
	var status *StatusError
	if errors.As(err, &status) && status.Code/100 == 4 && status.Code != http.StatusUnauthorized {
		byPath := c.get(ctx, "dataservers", url.Values{"path": {`\\` + name}}, &s)
		if byPath == nil {
			return s, nil
		}
	}
	return s, err
}

// DataServers asks for the PI Data Archives that the server knows.
func (c *Client) DataServers(ctx context.Context) ([]DataServer, error) {
	var list struct{ Items []DataServer }
	return list.Items, c.get(ctx, "dataservers", nil, &list)
}

// Item is a PI point or an AF attribute as the server knows it.
type Item struct {
	WebID            string `json:"WebId"`
	ID               any    `json:"Id"` // a number for a point, a GUID for an attribute
	Name             string
	Path             string
	Descriptor       string
	PointClass       string
	PointType        PointType // of a point
	Type             string    // of an attribute, a name of .NET such as Double
	DigitalSetName   string
	EngineeringUnits string
	Step             bool
	Future           bool
}

// ItemResult is the answer about one path.
type ItemResult struct {
	Path string
	Item Item  // valid if Err is nil
	Err  error // a *StatusError with Code 404 if there is none
}

// maxQuery is how long the query of a bulk request may become. http.sys takes 16 KiB of request line and headers
// together, and tokens of Kerberos are large.
const maxQuery = 5 << 10

// Items asks for points or attributes by path, many at a time. The error is about the server; what is wrong with one
// path is in its result.
func (c *Client) Items(ctx context.Context, paths []string) ([]ItemResult, error) {
	var points, attributes []int
	for i, p := range paths {
		if strings.Contains(p, "|") {
			attributes = append(attributes, i)
		} else {
			points = append(points, i)
		}
	}
	results := make([]ItemResult, len(paths))
	for _, kind := range []struct {
		call  string
		which []int
	}{{"points", points}, {"attributes", attributes}} {
		for _, which := range chunks(paths, kind.which) {
			if err := c.items(ctx, kind.call, paths, which, results); err != nil {
				return nil, err
			}
		}
	}
	return results, nil
}

// chunks splits a list into parts that fit into a query.
func chunks(paths []string, which []int) [][]int {
	var list [][]int
	size := maxQuery
	for _, i := range which {
		n := len("&path=") + len(url.QueryEscape(paths[i]))
		if size+n > maxQuery {
			list, size = append(list, nil), 0
		}
		list[len(list)-1] = append(list[len(list)-1], i)
		size += n
	}
	return list
}

func (c *Client) items(ctx context.Context, call string, paths []string, which []int, results []ItemResult) error {
	query := url.Values{}
	for _, i := range which {
		query.Add("path", paths[i])
	}
	var list struct {
		Items []struct {
			Identifier string
			Object     *Item
			Exception  *struct{ Errors []string }
		}
	}
	err := c.get(ctx, call+"/multiple", query, &list)
	var status *StatusError
	switch {
	case errors.As(err, &status) && status.Code/100 == 4 && status.Code != 401 && status.Code != 403 && status.Code != 429:
		return c.itemsSingly(ctx, call, paths, which, results) // an older server, or one path spoils all
	case err != nil:
		return err
	case len(list.Items) != len(which):
		return c.itemsSingly(ctx, call, paths, which, results)
	}
	for k, i := range which {
		results[i].Path = paths[i]
		switch it := list.Items[k]; {
		case it.Object != nil && it.Object.WebID != "":
			results[i].Item = *it.Object
		case it.Exception != nil:
			results[i].Err = &StatusError{Code: http.StatusNotFound, Messages: clip(it.Exception.Errors), Call: call}
		default:
			results[i].Err = &StatusError{Code: http.StatusNotFound, Call: call}
		}
	}
	return nil
}

func (c *Client) itemsSingly(ctx context.Context, call string, paths []string, which []int, results []ItemResult) error {
	for _, i := range which {
		item, err := c.Item(ctx, paths[i])
		var status *StatusError
		if err != nil && (!errors.As(err, &status) || status.Retryable() || status.Code == http.StatusUnauthorized) {
			return err
		}
		results[i] = ItemResult{paths[i], item, err}
	}
	return nil
}

// Item asks for one point or attribute by path.
func (c *Client) Item(ctx context.Context, path string) (Item, error) {
	call := "points"
	if strings.Contains(path, "|") {
		call = "attributes"
	}
	var item Item
	return item, c.get(ctx, call, url.Values{"path": {path}}, &item)
}

// NewPoint says how to make a PI point.
type NewPoint struct {
	Name             string
	PointClass       string
	PointType        PointType
	Descriptor       string `json:",omitempty"`
	DigitalSetName   string `json:",omitempty"`
	EngineeringUnits string `json:",omitempty"`
	Step             bool
	Future           bool

	// Attributes are to be set once the point exists, such as compdev: a later call, which older servers do not have.
	Attributes []PointAttribute `json:"-"`
}

// A PointAttribute is an attribute of a PI point by its PI name.
type PointAttribute struct {
	Name  string
	Value any // string, bool, int64 or float64
}

// CreatePoint makes a point on the data server with a WebID, and returns the WebID of the point, or "" if the server
// does not tell it.
func (c *Client) CreatePoint(ctx context.Context, server string, p NewPoint) (webID string, err error) {
	body, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("create point %s: %w", p.Name, err)
	}
	r, err := c.do(ctx, http.MethodPost, "dataservers/"+server+"/points", nil, body)
	if err != nil {
		return "", err
	}
	if err := r.failure("dataservers/{webId}/points"); err != nil {
		return "", err
	}
	location, err := url.Parse(r.header.Get("Location"))
	if err != nil || !strings.Contains(location.Path, "/points/") {
		return "", nil
	}
	return path.Base(location.Path), nil
}

// SetPointAttribute sets an attribute of a point. Servers before 2019 or so do not have this call and answer 404 or
// 405.
func (c *Client) SetPointAttribute(ctx context.Context, webID string, a PointAttribute) error {
	return c.call(ctx, http.MethodPut, "points/"+webID+"/attributes/"+url.PathEscape(a.Name), nil, a.Value, nil)
}

// TimedValue is a value as the server tells it.
type TimedValue struct {
	Timestamp   time.Time
	Value       json.RawMessage
	Good        bool
	Substituted bool
	Errors      json.RawMessage
}

// CurrentValue asks for the last value of a stream.
func (c *Client) CurrentValue(ctx context.Context, webID string) (TimedValue, error) {
	var v TimedValue
	return v, c.get(ctx, "streams/"+webID+"/value", nil, &v)
}

// Recorded asks for the values of a stream between two times, at most 1000.
func (c *Client) Recorded(ctx context.Context, webID string, from, to time.Time) ([]TimedValue, error) {
	var list struct{ Items []TimedValue }
	err := c.get(ctx, "streams/"+webID+"/recorded", url.Values{
		"startTime": {from.UTC().Format(time.RFC3339Nano)}, "endTime": {to.UTC().Format(time.RFC3339Nano)},
	}, &list)
	return list.Items, err
}

// Post sends a body as it is to one of the calls that write, for trying out what a server does with it.
func (c *Client) Post(ctx context.Context, path string, query url.Values, body []byte) (status int, answer []byte, err error) {
	r, err := c.do(ctx, http.MethodPost, path, query, body)
	if err != nil {
		return 0, nil, err
	}
	return r.status, r.body, nil
}
