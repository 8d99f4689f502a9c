package opentsdb

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"telegraf-ipvs/internal/metric"
)

// The tags by which a listener says in which namespace of IRONdb a point came, as [[inputs.opentsdb]] calls them.
const (
	tagAccount  = "account_id"
	tagUUID     = "check_uuid"
	tagCheck    = "check_name"
	tagCategory = "check_category"
)

// A namespace is where IRONdb files data points. The zero namespace is none.
type namespace struct {
	account int64
	uuid    string // as it was written
	check   string
}

// path returns the path of an address that takes points of the namespace, escaped.
func (n namespace) path() string {
	return fmt.Sprintf("/opentsdb/%d/%s/%s", n.account, n.uuid, url.PathEscape(n.check))
}

// is reports whether two namespaces are the same; letter case of a UUID does not count.
func (n namespace) is(other namespace) bool {
	return n.account == other.account && n.check == other.check && strings.EqualFold(n.uuid, other.uuid)
}

// valid says what is wrong with each part; nil is for nothing.
func (n namespace) valid() (account, uuid, check error) {
	if n.account < 1 {
		account = errors.New("want an integer from 1")
	}
	if !isUUID(n.uuid) {
		uuid = errors.New("want one such as \"549a90ee-c5bb-4b0f-bcb4-e942b0503f85\", and not all zeros")
	}
	if n.check == "" || n.check == "." || n.check == ".." { // the last two would be taken out of a path
		check = errors.New("want the name of a check, such as \"telegraf\"")
	}
	return account, uuid, check
}

// isUUID reports whether s has the form of a UUID, 8-4-4-4-12 hexadecimal digits, and is not nil. Its version does not
// matter, nor to IRONdb.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	zero := true
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
			continue
		}
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return false
		}
		zero = zero && c == '0'
	}
	return !zero
}

// namespaceOf returns the namespace that tags name, the zero one unless they name a whole and valid one.
func namespaceOf(tags []metric.Tag) namespace {
	var n namespace
	for _, t := range tags {
		switch t.Key {
		case tagAccount:
			id, err := strconv.ParseInt(t.Value, 10, 64)
			if err != nil || strconv.FormatInt(id, 10) != t.Value {
				return namespace{}
			}
			n.account = id
		case tagUUID:
			n.uuid = t.Value
		case tagCheck:
			n.check = t.Value
		}
	}
	if account, uuid, check := n.valid(); account != nil || uuid != nil || check != nil {
		return namespace{}
	}
	return n
}

// withoutNamespace returns tags without those that name a namespace, in the slice that it got.
func withoutNamespace(tags []metric.Tag) []metric.Tag {
	return slices.DeleteFunc(tags, func(t metric.Tag) bool {
		return t.Key == tagAccount || t.Key == tagUUID || t.Key == tagCheck || t.Key == tagCategory
	})
}
