//! A release as the watch shows it. Its metadata are kept of all; the whole is read where a pass waits for it.

use std::borrow::Cow;

use changeover_crds::ExchangeRelease;
use kube::api::ObjectMeta;
use kube::core::{NamespaceResourceScope, PartialObjectMetaExt};
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};
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

    fn watched(self) -> Watched {
        self.metadata.into_response_partial()
    }
}

/// Notes what an event of the watch says; what of it is kept.
pub fn remember(event: Event<Shown>, memory: &Memory) -> Event<Watched> {
    match event {
        Event::Apply(shown) => {
            memory.show(&shown);
            Event::Apply(shown.watched())
        }
        Event::Delete(shown) => {
            memory.forget(&shown.uid().unwrap_or_default());
            Event::Delete(shown.watched())
        }
        Event::Init => {
            memory.unlearn(None);
            Event::Init
        }
        Event::InitApply(shown) => {
            memory.show(&shown);
            Event::InitApply(shown.watched())
        }
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
