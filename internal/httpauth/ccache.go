package httpauth

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/jcmturner/gokrb5/v8/types"
)

// A ccache is a credential cache of MIT Kerberos' type FILE, versions 3 and 4
// (https://web.mit.edu/kerberos/krb5-latest/doc/formats/ccache_file_format.html):
//
//	5 version [v4: header uint16+bytes] principal credential*
//	principal:  type uint32, count uint32, realm data, name data*count
//	credential: client and server principal, key, 4 times uint32, skey uint8, flags uint32,
//	            addresses and authdata (uint32 count of uint16, data), ticket data, second ticket data
//	key:        type uint16 [v3: again], data
//	data:       length uint32, bytes
//
// The library has a reader too, which panics on a cut file and may ask for more
// memory than there is.
type ccache struct {
	user        types.PrincipalName
	realm       string
	credentials []cachedTicket
}

// A cachedTicket is a credential as far as it matters here.
type cachedTicket struct {
	server types.PrincipalName
	realm  string // of server
	key    types.EncryptionKey
	end    time.Time
	ticket []byte
}

var errCache = errors.New("not a credential cache, or cut off")

// parseCache keeps parts of text.
func parseCache(text []byte) (*ccache, error) {
	if len(text) < 2 || text[0] != 5 || text[1] != 3 && text[1] != 4 {
		return nil, errCache
	}
	r := &cacheReader{rest: text[2:], version: text[1]}
	if r.version == 4 {
		r.take(int64(r.uint16()))
	}
	c := new(ccache)
	c.user, c.realm = r.principal()
	for len(r.rest) > 0 && !r.failed {
		c.credentials = append(c.credentials, r.credential())
	}
	if r.failed {
		return nil, errCache
	}
	return c, nil
}

// cacheReader reads the parts of a cache. After the end it reads zeros, and failed is set.
type cacheReader struct {
	rest    []byte
	version byte
	failed  bool
}

func (r *cacheReader) credential() cachedTicket {
	var c cachedTicket
	_, _ = r.principal()
	c.server, c.realm = r.principal()
	c.key.KeyType = int32(int16(r.uint16()))
	if r.version == 3 {
		_ = r.uint16()
	}
	c.key.KeyValue = r.data()
	_, _ = r.uint32(), r.uint32() // authenticated, start
	c.end = time.Unix(int64(r.uint32()), 0)
	_ = r.uint32()  // renew till
	r.take(1 + 4)   // is for the session key of another ticket; flags
	r.taggedDatas() // addresses
	r.taggedDatas() // authorization data
	c.ticket = r.data()
	_ = r.data()
	return c
}

func (r *cacheReader) principal() (name types.PrincipalName, realm string) {
	name.NameType = int32(r.uint32())
	count := r.uint32()
	realm = string(r.data())
	for ; count > 0 && !r.failed; count-- {
		name.NameString = append(name.NameString, string(r.data()))
	}
	return name, realm
}

func (r *cacheReader) taggedDatas() {
	for count := r.uint32(); count > 0 && !r.failed; count-- {
		_, _ = r.uint16(), r.data()
	}
}

func (r *cacheReader) data() []byte { return r.take(int64(r.uint32())) }

func (r *cacheReader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *cacheReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *cacheReader) take(n int64) []byte {
	if r.failed || n > int64(len(r.rest)) {
		r.failed = true
		return nil
	}
	part := r.rest[:n]
	r.rest = r.rest[n:]
	return part
}
