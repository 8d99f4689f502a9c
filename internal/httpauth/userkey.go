package httpauth

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/types"
)

// A keyMaker knows the keys of a user. keyOf takes what the KDC would accept, best
// first, and returns the first key that it can make.
type keyMaker interface {
	keyOf(...keyHint) (types.EncryptionKey, error)
	// possible returns those of some encryption types that it has keys of: the KDC
	// encrypts its reply with one of those asked for.
	possible([]int32) []int32
}

// A keyHint is a type of key and how to make one of a password.
type keyHint struct {
	etype  int32
	salt   string
	salted bool // else the salt is made of the user's name
	params string
}

// keyHints reads them out of pre-authentication data (RFC 4120, 5.2.7.5).
func keyHints(data types.PADataSequence) []keyHint {
	var hints []keyHint
	for _, pa := range data {
		if pa.PADataType != patype.PA_ETYPE_INFO2 {
			continue
		}
		entries, err := pa.GetETypeInfo2()
		if err != nil {
			continue
		}
		for _, e := range entries {
			hints = append(hints, keyHint{e.EType, e.Salt, e.Salt != "", hex.EncodeToString(e.S2KParams)})
		}
	}
	return hints
}

// with adds what pre-authentication data says about a type of key.
func (h keyHint) with(data types.PADataSequence) keyHint {
	for _, other := range keyHints(data) {
		if other.etype == h.etype {
			return other
		}
	}
	return h
}

// passwordKeys makes the keys of a password.
type passwordKeys struct {
	user     types.PrincipalName
	realm    string
	password string
}

// maxIterations bounds the work that a KDC may ask for. RFC 3962 and 8009 have
// defaults of 4096 and 32768.
const maxIterations = 1 << 22

func (p *passwordKeys) keyOf(hints ...keyHint) (types.EncryptionKey, error) {
	for _, h := range hints {
		etype, err := crypto.GetEtype(h.etype)
		if err != nil {
			continue
		}
		params := etype.GetDefaultStringToKeyParams()
		if raw, _ := hex.DecodeString(h.params); len(raw) == 4 {
			if n := binary.BigEndian.Uint32(raw); n == 0 || n > maxIterations {
				return types.EncryptionKey{}, fmt.Errorf("KDC asks for %d iterations to make a key", n)
			}
			params = h.params
		}
		salt := h.salt
		if !h.salted {
			salt = p.user.GetSalt(p.realm)
		}
		value, err := etype.StringToKey(p.password, salt, params)
		if err != nil {
			return types.EncryptionKey{}, errors.New("no key can be made of the password")
		}
		return types.EncryptionKey{KeyType: h.etype, KeyValue: value}, nil
	}
	return types.EncryptionKey{}, errors.New("KDC wants no encryption type that is supported; allow AES for the account")
}

func (p *passwordKeys) possible(etypes []int32) []int32 { return etypes }

// keytabKeys takes the keys from a keytab.
type keytabKeys struct {
	user   types.PrincipalName
	realm  string
	keytab *keytab.Keytab
}

func (k *keytabKeys) keyOf(hints ...keyHint) (types.EncryptionKey, error) {
	var wanted []string
	for _, h := range hints {
		if key, ok := k.newest(h.etype); ok {
			if _, err := crypto.GetEtype(h.etype); err == nil {
				return key, nil
			}
		}
		wanted = append(wanted, fmt.Sprint(h.etype))
	}
	return types.EncryptionKey{}, &cause{kind: ErrCredentials,
		reason: fmt.Sprintf("keytab has no key of %s of encryption type %s", k.name(), strings.Join(wanted, " or ")),
		remedy: "export it again with the types that the KDC uses, AES mostly"}
}

func (k *keytabKeys) possible(etypes []int32) []int32 {
	var found []int32
	for _, etype := range etypes {
		if _, ok := k.newest(etype); ok {
			found = append(found, etype)
		}
	}
	if found == nil {
		return etypes // the error that follows names what the KDC wants
	}
	return found
}

// newest returns the key of a type with the highest version; of those of one
// version the youngest.
func (k *keytabKeys) newest(etype int32) (types.EncryptionKey, bool) {
	best := -1
	for i, e := range k.keytab.Entries {
		if e.Key.KeyType != etype || e.Principal.String() != k.name() {
			continue
		}
		if best >= 0 {
			b := k.keytab.Entries[best]
			if e.KVNO < b.KVNO || e.KVNO == b.KVNO && e.Timestamp.Before(b.Timestamp) {
				continue
			}
		}
		best = i
	}
	if best < 0 {
		return types.EncryptionKey{}, false
	}
	return k.keytab.Entries[best].Key, true
}

// name is the user as the keytab writes it.
func (k *keytabKeys) name() string { return k.user.PrincipalNameString() + "@" + k.realm }

// check returns why the keytab is of no use at all.
func (k *keytabKeys) check() error {
	name := k.name()
	var others []string
	for _, e := range k.keytab.Entries {
		if e.Principal.String() == name {
			return nil
		}
		if other := e.Principal.String(); !slices.Contains(others, other) && len(others) < 10 {
			others = append(others, other)
		}
	}
	reason := "holds no keys"
	if len(others) > 0 {
		reason = fmt.Sprintf("has no key of %s, but of %s", name, strings.Join(others, ", "))
	}
	return &cause{kind: ErrCredentials, reason: reason, remedy: "set username and realm to one that it has, or export it again"}
}

// maxKeytab is the size of the largest keytab read, in bytes.
const maxKeytab = 1 << 20

// readKeytab reads a keytab and returns its bytes too. The library's errors are
// not passed on: they quote the file, keys and all.
func readKeytab(path string) (kt *keytab.Keytab, text []byte, err error) {
	if text, err = readBounded(path, maxKeytab); err != nil {
		return nil, nil, err
	}
	kt = new(keytab.Keytab)
	defer func() {
		if recover() != nil {
			kt, err = nil, errors.New("not a keytab, or damaged")
		}
	}()
	if kt.Unmarshal(text) != nil {
		return nil, nil, errors.New("not a keytab, or damaged")
	}
	return kt, text, nil
}

// readBounded reads a file of at most so many bytes.
func readBounded(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, fmt.Errorf("larger than %d bytes", most)
	}
	return os.ReadFile(path)
}
