package piwebapitest

import (
	"net/http"
	"strings"
)

func (s *Server) getLanding(r *request) *reply {
	return answer(http.StatusOK, object{"Links": object{
		"Self": r.base + "/", "DataServers": r.base + "/dataservers", "AssetServers": r.base + "/assetservers",
		"System": r.base + "/system", "Search": r.base + "/search",
	}})
}

func (s *Server) getSystem(r *request) *reply {
	return answer(http.StatusOK, object{
		"ProductTitle": "PI Web API", "ProductVersion": s.config.ProductVersion,
		"Links": object{
			"Self": r.base + "/system", "CacheInstances": r.base + "/system/cacheinstances",
			"Configuration": r.base + "/system/configuration", "UserInfo": r.base + "/system/userinfo",
			"Versions": r.base + "/system/versions", "Status": r.base + "/system/status",
		},
	})
}

func (s *Server) getVersions(*request) *reply {
	version := s.config.ProductVersion
	parts := strings.SplitN(version, ".", 3)
	build := ""
	if len(parts) == 3 {
		build = parts[2]
	}
	revision := strings.Join(parts[:min(2, len(parts))], ".")
	one := object{"FullVersion": version, "MajorMinorRevision": revision, "Build": build}
	return answer(http.StatusOK, object{"OSIsoft.REST.Core": one, "OSIsoft.REST.Web": one})
}

func (s *Server) getStatus(*request) *reply {
	now := s.config.Now()
	return answer(http.StatusOK, object{
		"State": "Running", "UpTimeInMinutes": now.Sub(s.started).Minutes(), "CacheInstances": 0,
		"ServerTime": string(appendTime(nil, now)),
	})
}

func (s *Server) getUserInfo(r *request) *reply {
	if r.user == "" {
		return &reply{status: http.StatusNoContent}
	}
	kind := map[string]string{"Basic": "WindowsIdentity", "NTLM": "WindowsIdentity", "Kerberos": "WindowsIdentity"}[r.scheme]
	if kind == "" {
		kind = "ClaimsIdentity"
	}
	return answer(http.StatusOK, object{
		"IdentityType": kind, "Name": r.user, "IsAuthenticated": true, "SID": "S-1-5-21-1-2-3-1001",
		"ImpersonationLevel": "Impersonation",
	})
}

// dataServer renders the data server.
func (s *Server) dataServer(r *request) object {
	webID := s.serverIdentity().webID(s.form(r))
	self := r.base + "/dataservers/" + webID
	return object{
		"WebId": webID, "Id": s.config.ServerID, "Name": s.config.ServerName,
		"Path": `\\PIServers[` + s.config.ServerName + `]`, "IsConnected": true, "ServerVersion": s.config.ServerVersion,
		"ServerTime": string(appendTime(nil, s.config.Now())),
		"Links":      object{"Self": self, "Points": self + "/points", "EnumerationSets": self + "/enumerationsets"},
	}
}

func (s *Server) serverIdentity() identity {
	return identity{marker: markServer, ids: s.reg.serverGUID, path: s.config.ServerName}
}

// form is the form of WebIDs that a request wants.
func (s *Server) form(r *request) string {
	if t := r.query.Get("webIdType"); t != "" {
		return t
	}
	return s.config.WebIDType
}

// getDataServers lists the one data server, or answers a query by name or path.
func (s *Server) getDataServers(r *request) *reply {
	name, path := r.query.Get("name"), r.query.Get("path")
	if name == "" && path == "" {
		return items(http.StatusOK, []object{s.dataServer(r)})
	}
	wanted := strings.TrimPrefix(path, `\\`)
	if inner, ok := strings.CutPrefix(wanted, "PIServers["); ok {
		wanted = strings.TrimSuffix(inner, "]")
	}
	if strings.EqualFold(name+wanted, s.config.ServerName) {
		return answer(http.StatusOK, s.dataServer(r))
	}
	return failure(http.StatusNotFound, "The specified PI Data Archive was not found.")
}

// atServer returns the answer to a call below a data server that is not this one, nil for this one.
func (s *Server) atServer(r *request) *reply {
	ids, path, err := parseWebID(r.args[0], markServer, guidLen)
	switch {
	case err != nil:
		return notFound(errWebID, r.args[0])
	case ids != s.reg.serverGUID && !strings.EqualFold(path, s.config.ServerName):
		return notFound(errMissing, r.args[0])
	}
	return nil
}

func (s *Server) getDataServer(r *request) *reply {
	if refused := s.atServer(r); refused != nil {
		return refused
	}
	return answer(http.StatusOK, s.dataServer(r))
}

func (s *Server) getAssetServers(r *request) *reply {
	id := identity{marker: markAFServer, ids: s.reg.afServerGUID, path: s.config.AFServerName}
	server := object{
		"WebId": id.webID(s.form(r)), "Id": s.config.AFServerID, "Name": s.config.AFServerName,
		"Path": `\\` + s.config.AFServerName, "IsConnected": true, "ServerTime": string(appendTime(nil, s.config.Now())),
		"Links": object{"Self": r.base + "/assetservers/" + id.webID(s.form(r))},
	}
	if name := r.query.Get("name"); name == "" {
		return items(http.StatusOK, []object{server})
	} else if !strings.EqualFold(name, s.config.AFServerName) {
		return failure(http.StatusNotFound, "The specified AF server was not found.")
	}
	return answer(http.StatusOK, server)
}
