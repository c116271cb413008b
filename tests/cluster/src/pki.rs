//! Keys and certificates of one cluster, made anew at each `up`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};

use crate::settings::{KUBERNETES_IP, NODE, NODE_IP};

/// A certificate with its key, in PEM.
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

/// The cluster's certificate authority.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: PathBuf,
}

impl Authority {
    /// Makes the authority, the servers' certificates and the key that signs
    /// service account tokens, all as files in `directory`.
    pub fn create(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let key = KeyPair::generate()?;
        let mut params = params("changeover-cluster", None, &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key_pem = key.serialize_pem();
        let authority = Self {
            issuer: CertifiedIssuer::self_signed(params, key)?,
            directory: directory.to_owned(),
        };
        authority.write("ca.crt", &authority.certificate())?;
        authority.write("ca.key", &key_pem)?;
        let service_accounts = KeyPair::generate()?;
        authority.write("service-accounts.key", &service_accounts.serialize_pem())?;
        authority.write("service-accounts.pub", &service_accounts.public_key_pem())?;

        let api_server = [
            "127.0.0.1",
            NODE_IP,
            KUBERNETES_IP,
            NODE,
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ];
        authority.server("kube-apiserver", &api_server)?;
        authority.server("kubelet-server", &[NODE_IP, NODE])?;
        let to_kubelet =
            authority.client("kube-apiserver-kubelet-client", Some("system:masters"))?;
        authority.write_identity("kubelet-client", &to_kubelet)?;
        Ok(authority)
    }

    /// The authority's own certificate, in PEM.
    pub fn certificate(&self) -> String {
        self.issuer.as_ref().pem()
    }

    /// A certificate for a user of the API, perhaps in a group.
    pub fn client(&self, user: &str, group: Option<&str>) -> Result<Identity> {
        self.issue(
            params(user, group, &[])?,
            ExtendedKeyUsagePurpose::ClientAuth,
        )
    }

    fn server(&self, name: &str, addresses: &[&str]) -> Result<()> {
        let identity = self.issue(
            params(name, None, addresses)?,
            ExtendedKeyUsagePurpose::ServerAuth,
        )?;
        self.write_identity(name, &identity)
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<Identity> {
        let key = KeyPair::generate()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    fn write_identity(&self, name: &str, identity: &Identity) -> Result<()> {
        self.write(&format!("{name}.crt"), &identity.certificate)?;
        self.write(&format!("{name}.key"), &identity.key)
    }

    fn write(&self, file: &str, content: &str) -> Result<()> {
        write_private(&self.directory.join(file), content)
    }
}

/// Writes a file that only its owner can read.
pub fn write_private(path: &Path, content: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(content.as_bytes())?;
    Ok(())
}

fn params(
    common_name: &str,
    organisation: Option<&str>,
    addresses: &[&str],
) -> Result<CertificateParams> {
    let addresses: Vec<String> = addresses
        .iter()
        .map(|address| (*address).to_owned())
        .collect();
    let mut params = CertificateParams::new(addresses)?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    if let Some(organisation) = organisation {
        params
            .distinguished_name
            .push(DnType::OrganizationName, organisation);
    }
    Ok(params)
}
