package opentsdb

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"telegraf-ipvs/internal/metric"
	tsdb "telegraf-ipvs/internal/opentsdb"
)

// A namespace is a Namespace that was checked; its UUID is in lower case. It serves as a key.
type namespace Namespace

// String returns what a path says behind /opentsdb/, unescaped.
func (n namespace) String() string {
	return fmt.Sprintf("%d/%s/%s", n.AccountID, n.CheckUUID, n.CheckName)
}

// newNamespace checks a namespace and returns every problem of it.
func newNamespace(n Namespace) (namespace, error) {
	var problems []error
	if n.AccountID < 1 {
		problems = append(problems, fmt.Errorf("account_id = %d: want an integer from 1", n.AccountID))
	}
	if !isUUID(n.CheckUUID) {
		problems = append(problems, fmt.Errorf("check_uuid = %q: want a UUID such as \"549a90ee-c5bb-4b0f-bcb4-e942b0503f85\", and not the one of zeros alone", n.CheckUUID))
	}
	if n.CheckName == "" {
		problems = append(problems, errors.New("check_name is empty: want a name for where the data comes from"))
	} else if err := metric.Faithful("m", []metric.Tag{{Key: "check_name", Value: n.CheckName}}); err != nil {
		problems = append(problems, fmt.Errorf("check_name = %q: line protocol cannot carry it: %w", n.CheckName, err))
	}
	n.CheckUUID = strings.ToLower(n.CheckUUID)
	return namespace(n), errors.Join(problems...)
}

// isUUID reports whether s has the form of a UUID and is not nil. Version and variant may be any: those in IRONdb's own
// documentation are not all of RFC 9562.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	zero := true
	for i := range len(s) {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
			continue
		}
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
		zero = zero && c == '0'
	}
	return !zero
}

// errPath says that a path names no namespace.
var errPath = errors.New("want /opentsdb/ACCOUNT_ID/CHECK_UUID/CHECK_NAME")

// namespaceOfPath reads what stands behind /opentsdb/ in an escaped path.
func namespaceOfPath(path string) (namespace, error) {
	parts := strings.Split(path, "/")
	if len(parts) != 3 {
		return namespace{}, errPath
	}
	for i := range parts {
		var err error
		if parts[i], err = url.PathUnescape(parts[i]); err != nil {
			return namespace{}, fmt.Errorf("%w: %w", errPath, err)
		}
	}
	account, err := parseAccount(parts[0])
	if err != nil {
		return namespace{}, err
	}
	return newNamespace(Namespace{account, parts[1], parts[2]})
}

func parseAccount(text string) (int64, error) {
	account, err := strconv.ParseInt(text, 10, 64)
	if err != nil || account < 1 || text[0] == '+' {
		return 0, fmt.Errorf("account_id %q: want an integer from 1", text)
	}
	return account, nil
}

// A pattern says which namespaces a credential may write to. Parts that are zero fit any.
type pattern struct {
	account    int64
	uuid, name string
}

// parsePattern reads "account/uuid/name", any of which may be "*".
func parsePattern(text string) (p pattern, err error) {
	parts := strings.SplitN(text, "/", 3)
	if len(parts) != 3 {
		return p, fmt.Errorf(`%q: want "account_id/check_uuid/check_name", any of which may be *`, text)
	}
	if parts[0] != "*" {
		if p.account, err = parseAccount(parts[0]); err != nil {
			return p, fmt.Errorf("%q: %w", text, err)
		}
	}
	if parts[1] != "*" {
		if !isUUID(parts[1]) {
			return p, fmt.Errorf("%q: %q is no UUID", text, parts[1])
		}
		p.uuid = strings.ToLower(parts[1])
	}
	if parts[2] == "" {
		return p, fmt.Errorf("%q: the name is empty; want * for any", text)
	}
	if parts[2] != "*" {
		p.name = parts[2]
	}
	return p, nil
}

func (p pattern) fits(n namespace) bool {
	return (p.account == 0 || p.account == n.AccountID) && (p.uuid == "" || p.uuid == n.CheckUUID) && (p.name == "" || p.name == n.CheckName)
}

// senderPrefix goes before a tag of a sender that has the name of one of the namespace's.
const senderPrefix = "sender_"

// tags returns the tags that a namespace comes out as.
func (c Config) tags(n namespace) []metric.Tag {
	var tags []metric.Tag
	for _, t := range []metric.Tag{
		{Key: *c.AccountIDTag, Value: strconv.FormatInt(n.AccountID, 10)}, {Key: *c.CheckUUIDTag, Value: n.CheckUUID},
		{Key: *c.CheckNameTag, Value: n.CheckName}, {Key: *c.CheckCategoryTag, Value: c.CheckCategory},
	} {
		if t.Key != "" {
			tags = append(tags, t)
		}
	}
	return tags
}

// makeSeries returns the function that makes the series of a namespace whose tags are own.
func makeSeries(own []metric.Tag) func(name string, tags []metric.Tag) (*metric.Series, *tsdb.Error) {
	owned := func(key string) bool {
		for _, t := range own {
			if t.Key == key {
				return true
			}
		}
		return false
	}
	return func(name string, tags []metric.Tag) (*metric.Series, *tsdb.Error) {
		all := make([]metric.Tag, 0, len(own)+len(tags))
		has := make(map[string]bool, len(tags))
		for _, t := range tags {
			has[t.Key] = true
		}
		for _, t := range tags {
			if owned(t.Key) {
				renamed := senderPrefix + t.Key
				if has[renamed] || owned(renamed) {
					return nil, &tsdb.Error{
						Reason: tsdb.ReservedTag, Token: t.Key,
						Detail: fmt.Sprintf("tag %q belongs to the namespace and would become %q, which is there already: rename one of them", t.Key, renamed),
					}
				}
				t.Key = renamed
			}
			all = append(all, t)
		}
		all = append(all, own...)
		if err := metric.Faithful(name, all); err != nil {
			return nil, &tsdb.Error{Reason: tsdb.LineProtocol, Token: name, Detail: err.Error()}
		}
		s, err := metric.NewSeries(name, all...)
		if err != nil {
			return nil, &tsdb.Error{Reason: tsdb.LineProtocol, Token: name, Detail: err.Error()}
		}
		return s, nil
	}
}
