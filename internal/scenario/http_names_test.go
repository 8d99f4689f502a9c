package scenario

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	piclient "telegraf-ipvs/internal/piwebapi"
	"telegraf-ipvs/internal/telegraftest"
	stockhttp "telegraf-ipvs/plugins/outputs/http"
	piwebapi "telegraf-ipvs/plugins/outputs/pi_webapi"
)

// TestHTTPNames holds the template in plugins/outputs/http/pi_streamset.conf to the names of outputs.pi_webapi: of all that
// IPVS gives, on hosts, in network namespaces and with tags of a site's own.
func TestHTTPNames(t *testing.T) {
	golden, err := os.ReadFile("../../plugins/inputs/ipvs/testdata/all.lines")
	require.NoError(t, err)
	var list []telegraftest.Metric
	for _, more := range []map[string]string{
		{"host": "lb1"}, {"host": "lb2.example.com", "dc": "north"}, {"host": "LB_3", "rack": "7", "aisle": "b c", "empty": ""}, {"host": "lb4", "namespace": "blue"},
	} {
		for _, m := range telegraftest.Parse(t, string(golden)) {
			list = append(list, ipvsTagged(m, more))
		}
	}
	list = append(list, telegraftest.Parse(t, `mem,host=lb1 used=1
disk,host=lb1,device=dm-0,fstype=ext4,path=/var free=1,used\ %=2
win\ cpu,host=lb1,instance=_Total %\ Idle.Time=1
ipvs_virtual_server,host=lb5,fwmark=47,address_family=inet6,virtual_fwmark=1 cps=1
`)...)
	require.Equal(t, httpNames(t, piwebapi.Config{}, ipvsLines(list)), httpTemplateNames(t, stockhttp.PIStreamSet, list))

	prefixed := strings.Replace(stockhttp.PIStreamSet, `$$prefix := ""`, `$$prefix := "LB.site"`, 1)
	names := httpTemplateNames(t, prefixed, list)
	require.Equal(t, httpNames(t, piwebapi.Config{Prefix: "LB.site"}, ipvsLines(list)), names)
	require.Contains(t, names, `PISRV1\LB.SITE.LB4.IPVS.NS_BLUE.VS.TCP_192.0.2.1_80.CONNECTIONS`)
}

// TestHTTPNamesLeftOut has what the file says that the template leaves out and outputs.pi_webapi sends under another name.
func TestHTTPNamesLeftOut(t *testing.T) {
	for _, line := range []string{
		"mem,host=a*b used=1", `mem,host=a\,b used=1`, "mem,host=größe used=1", "mem,host=-a used=1", "mem,host=a..b used=1", "mem,host=" + strings.Repeat("a", 192) + " used=1",
		"mem used=1", "ipvs_virtual_server,host=lb1 cps=1", "ipvs_real_server,host=lb1,address=10.0.0.5,port=80 cps=1",
	} {
		require.Len(t, httpNames(t, piwebapi.Config{}, line), 1, line)
		require.Empty(t, httpTemplateNames(t, stockhttp.PIStreamSet, telegraftest.Parse(t, line)), line)
	}
}

// httpNames returns the points of outputs.pi_webapi for lines, as paths in capitals and in order.
func httpNames(t *testing.T, c piwebapi.Config, lines string) (names []string) {
	t.Helper()
	c.DataServer = "PISRV1"
	all, err := piwebapi.Points(c, strings.NewReader(lines))
	require.NoError(t, err)
	for _, item := range all {
		require.NoError(t, item.Problem, item.Source)
		names = append(names, strings.ToUpper(strings.TrimPrefix(item.Point.Path, `\\`)))
	}
	slices.Sort(names)
	return names
}

// httpTemplateNames returns those of a file's template.
func httpTemplateNames(t *testing.T, config string, list []telegraftest.Metric) (names []string) {
	t.Helper()
	out := telegraftest.NewHTTP(t, telegraftest.Load(t, config).Only(t, "outputs.http"), nil)
	var items []struct{ WebId string }
	require.NoError(t, json.Unmarshal([]byte(out.Render(list)[0]), &items))
	for _, item := range items {
		id, err := piclient.DecodeWebID(item.WebId)
		require.NoError(t, err)
		names = append(names, id.Path)
	}
	slices.Sort(names)
	return names
}
