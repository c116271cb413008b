//! A release as the watch shows it. Its metadata are kept of all; the whole is read where a pass waits for it.

use std::borrow::Cow;

use changeover_crds::ExchangeRelease;
use kube::Resource;
use kube::api::ObjectMeta;
use kube::core::{NamespaceResourceScope, PartialObjectMetaExt};
use kube::runtime::watcher::Event;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::memory::Memory;
use crate::shelf::Watched;

/// A release of which only the metadata have been read. One that does not fit our types does not end the watch
/// of the others.
#[derive(Clone, Debug)]
pub struct Shown {
    metadata: ObjectMeta,
    text: Box<RawValue>,
}

#[derive(Deserialize)]
struct Head {
    metadata: ObjectMeta,
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(from)?;
        let Head { mut metadata } = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        metadata.managed_fields = None;
        Ok(Self { metadata, text })
    }
}

impl Shown {
    /// The release, if it fits our types.
    pub fn whole(&self) -> Option<ExchangeRelease> {
        serde_json::from_str(self.text.get()).ok()
    }

    fn kept(self, memory: &Memory) -> Watched {
        memory.show(&self);
        self.metadata.into_response_partial()
    }
}

/// What of an event of the watch is kept.
pub fn kept(event: Event<Shown>, memory: &Memory) -> Event<Watched> {
    match event {
        Event::Apply(shown) => Event::Apply(shown.kept(memory)),
        Event::InitApply(shown) => Event::InitApply(shown.kept(memory)),
        Event::Delete(shown) => Event::Delete(shown.kept(memory)),
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
    }
}

impl Resource for Shown {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        ExchangeRelease::kind(&())
    }
    fn group(_: &()) -> Cow<'_, str> {
        ExchangeRelease::group(&())
    }
    fn version(_: &()) -> Cow<'_, str> {
        ExchangeRelease::version(&())
    }
    fn plural(_: &()) -> Cow<'_, str> {
        ExchangeRelease::plural(&())
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
