package piwebapitest

import (
	"net/http"
	"strings"
)

// route is one call. In pattern a part in braces stands for any text.
type route struct {
	method, pattern string
	handler         func(*request) *reply

	call  string
	parts []string
}

func (s *Server) allRoutes() []route {
	const get, post, put = http.MethodGet, http.MethodPost, http.MethodPut
	routes := []route{
		{method: post, pattern: "streamsets/recorded", handler: s.postStreamsRecorded},
		{method: post, pattern: "streamsets/value", handler: s.postStreamsValue},
		{method: post, pattern: "streams/{webId}/recorded", handler: s.postStreamRecorded},
		{method: post, pattern: "streams/{webId}/value", handler: s.postStreamValue},
		{method: get, pattern: "streams/{webId}/value", handler: s.getStream(valueOf)},
		{method: get, pattern: "streams/{webId}/end", handler: s.getStream(endOf)},
		{method: get, pattern: "streams/{webId}/recorded", handler: s.getStream(recordedOf)},
		{method: get, pattern: "streams/{webId}/plot", handler: s.getStream(plotOf)},
		{method: get, pattern: "streamsets/value", handler: s.getStreams(valueOf)},
		{method: get, pattern: "streamsets/end", handler: s.getStreams(endOf)},
		{method: get, pattern: "streamsets/recorded", handler: s.getStreams(recordedOf)},
		{method: get, pattern: "streamsets/plot", handler: s.getStreams(plotOf)},
		{method: post, pattern: "batch", handler: s.postBatch},

		{method: get, pattern: "points", handler: s.getPointByPath},
		{method: get, pattern: "points/multiple", handler: s.getPoints},
		{method: get, pattern: "points/{webId}", handler: s.getPoint},
		{method: http.MethodPatch, pattern: "points/{webId}", handler: s.patchPoint},
		{method: http.MethodDelete, pattern: "points/{webId}", handler: s.deletePoint},
		{method: get, pattern: "points/{webId}/attributes", handler: s.getPointAttributes},
		{method: get, pattern: "points/{webId}/attributes/{name}", handler: s.getPointAttribute},

		{method: get, pattern: "dataservers", handler: s.getDataServers},
		{method: get, pattern: "dataservers/{webId}", handler: s.getDataServer},
		{method: get, pattern: "dataservers/{webId}/points", handler: s.getDataServerPoints},
		{method: post, pattern: "dataservers/{webId}/points", handler: s.postPoint},
		{method: get, pattern: "dataservers/{webId}/enumerationsets", handler: s.getSets},
		{method: post, pattern: "dataservers/{webId}/enumerationsets", handler: s.postSet},
		{method: get, pattern: "enumerationsets/{webId}", handler: s.getSet},
		{method: get, pattern: "enumerationsets/{webId}/enumerationvalues", handler: s.getSetValues},
		{method: post, pattern: "enumerationsets/{webId}/enumerationvalues", handler: s.postSetValue},

		{method: get, pattern: "assetservers", handler: s.getAssetServers},
		{method: get, pattern: "elements", handler: s.getElementByPath},
		{method: get, pattern: "attributes", handler: s.getAttributeByPath},
		{method: get, pattern: "attributes/multiple", handler: s.getAttributes},
		{method: get, pattern: "attributes/{webId}", handler: s.getAttribute},
		{method: get, pattern: "attributes/{webId}/value", handler: s.getAttributeValue},
		{method: put, pattern: "attributes/{webId}/value", handler: s.putAttributeValue},

		{method: get, pattern: "", handler: s.getLanding},
		{method: get, pattern: "system", handler: s.getSystem},
		{method: get, pattern: "system/versions", handler: s.getVersions},
		{method: get, pattern: "system/status", handler: s.getStatus},
		{method: get, pattern: "system/userinfo", handler: s.getUserInfo},
	}
	if !s.config.NoPointAttributes {
		routes = append(routes, route{method: put, pattern: "points/{webId}/attributes/{name}", handler: s.putPointAttribute})
	}
	for i := range routes {
		routes[i].call = routes[i].method + " " + routes[i].pattern
		routes[i].parts = strings.Split(routes[i].pattern, "/")
	}
	return routes
}

// route returns the call that a path below the base path means, its arguments, and what carries it out. Literal parts
// come first in allRoutes, so the first match is the right one.
func (s *Server) route(method, path string) (call string, args []string, handler func(*request) *reply) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	parts := strings.Split(path, "/")
	known := false
	for i := range s.routes {
		r := &s.routes[i]
		args, ok := match(r.parts, parts)
		if ok && r.method == method {
			return r.call, args, r.handler
		}
		known = known || ok
	}
	if known {
		return method + " (no such method)", nil, func(*request) *reply {
			return refusal(http.StatusMethodNotAllowed, "The requested resource does not support http method '"+method+"'.")
		}
	}
	return "(no such resource)", nil, func(*request) *reply {
		return refusal(http.StatusNotFound, "No HTTP resource was found that matches the request URI.")
	}
}

// match compares literal parts in whatever case and returns what stands for the others.
func match(pattern, parts []string) (args []string, ok bool) {
	if len(pattern) != len(parts) {
		return nil, false
	}
	for i, p := range pattern {
		switch {
		case p != "" && p[0] == '{':
			args = append(args, parts[i])
		case !strings.EqualFold(p, parts[i]):
			return nil, false
		}
	}
	return args, true
}
