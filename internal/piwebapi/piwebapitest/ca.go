package piwebapitest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// CA is a certificate authority for tests and dry runs. Do not make anything else trust it.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// caLife is how long certificates are good.
const caLife = 10 * 365 * 24 * time.Hour

// NewCA makes an authority.
func NewCA() (*CA, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "PI Web API simulator CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, MaxPathLenZero: true,
	}
	key, der, err := sign(template, nil)
	if err != nil {
		return nil, fmt.Errorf("make a CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make a CA: %w", err)
	}
	return &CA{cert: cert, key: key}, nil
}

// LoadCA reads the authority whose certificate is in file and whose key is in the file beside it that ends in -key.pem
// in place of .pem. Where neither is there it makes both, the key for the owner's eyes alone. Whoever trusts file then
// still trusts a server that was started anew.
func LoadCA(file string) (*CA, error) {
	keyFile := strings.TrimSuffix(file, filepath.Ext(file)) + "-key.pem"
	pair, err := tls.LoadX509KeyPair(file, keyFile)
	if err == nil {
		key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
		if !ok || !pair.Leaf.IsCA {
			return nil, fmt.Errorf("%s and %s hold no CA of this program: remove them, or choose another file", file, keyFile)
		}
		return &CA{cert: pair.Leaf, key: key}, nil
	}
	_, err1 := os.Stat(file)
	_, err2 := os.Stat(keyFile)
	if !errors.Is(err1, fs.ErrNotExist) || !errors.Is(err2, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the CA: %w", err)
	}
	ca, err := NewCA()
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		return nil, fmt.Errorf("write the CA: %w", err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(keyFile, key, 0o600); err != nil {
		return nil, fmt.Errorf("write the CA: %w", err)
	}
	if err := os.WriteFile(file, ca.PEM(), 0o644); err != nil {
		return nil, fmt.Errorf("write the CA: %w", err)
	}
	return ca, nil
}

// PEM returns the certificate, which clients need.
func (ca *CA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
}

// Pool returns the certificate as the root certificates of a client.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

// Issue makes a certificate for a server under the given names and addresses.
func (ca *CA) Issue(hosts ...string) (tls.Certificate, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "PI Web API simulator"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	key, der, err := sign(template, ca)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der, ca.cert.Raw}, PrivateKey: key}, nil
}

// sign makes a key and the certificate for it, signed by ca, or by itself where ca is nil.
func sign(template *x509.Certificate, ca *CA) (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, err
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(caLife)
	parent, signer := template, key
	if ca != nil {
		parent, signer = ca.cert, ca.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	return key, der, err
}
