//! How fields of a snapshot are written where serde's own form would hide their unit.

/// A duration in nanoseconds.
pub(super) mod ns {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::nanos;

    pub(in crate::snapshot) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(nanos(*duration))
    }

    pub(in crate::snapshot) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_nanos)
    }
}

/// As [`ns`], of what may be absent.
pub(super) mod some_ns {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::nanos;

    // serde's signature.
    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(in crate::snapshot) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.serialize_some(&nanos(*duration)),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::snapshot) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_nanos))
    }
}

/// As [`unix_ns`], of what may be absent.
pub(super) mod some_unix_ns {
    use std::time::{SystemTime, UNIX_EPOCH};

    use serde::{Deserializer, Serializer};

    use super::some_ns;

    // serde's signature.
    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(in crate::snapshot) fn serialize<S: Serializer>(
        moment: &Option<SystemTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let since_epoch =
            |moment: SystemTime| moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        some_ns::serialize(&moment.map(since_epoch), serializer)
    }

    pub(in crate::snapshot) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        let since_epoch = some_ns::deserialize(deserializer)?;
        Ok(since_epoch.map(|since_epoch| UNIX_EPOCH + since_epoch))
    }
}

/// A moment in nanoseconds since 1970; one before is 1970.
pub(super) mod unix_ns {
    use std::time::{SystemTime, UNIX_EPOCH};

    use serde::{Deserializer, Serializer};

    use super::ns;

    pub(in crate::snapshot) fn serialize<S: Serializer>(
        moment: &SystemTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let since_epoch = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        ns::serialize(&since_epoch, serializer)
    }

    pub(in crate::snapshot) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SystemTime, D::Error> {
        ns::deserialize(deserializer).map(|since_epoch| UNIX_EPOCH + since_epoch)
    }
}

/// A list of no more than a snapshot can have: what is read may come from anybody.
pub(super) mod bounded {
    use std::{fmt, marker::PhantomData};

    use serde::{
        Deserialize, Deserializer,
        de::{Error as _, SeqAccess, Visitor},
    };

    /// Far above what a snapshot carries of anything.
    const MOST: usize = 1024;

    pub(in crate::snapshot) fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
        deserializer: D,
    ) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(List(PhantomData))
    }

    /// As [`deserialize`], of what may be absent.
    pub(in crate::snapshot) fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<T>>, D::Error> {
        deserialize(deserializer).map(Some)
    }

    struct List<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MOST}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(one) = list.next_element()? {
                if all.len() == MOST {
                    return Err(A::Error::custom(format!("more than {MOST} of a kind")));
                }
                all.push(one);
            }
            Ok(all)
        }
    }
}

/// A stage by its name.
pub(super) mod stage {
    use hwptop_abi::Stage;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    // serde's signature.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(in crate::snapshot) fn serialize<S: Serializer>(
        stage: &Stage,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(stage.name())
    }

    pub(in crate::snapshot) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Stage, D::Error> {
        let name = String::deserialize(deserializer)?;
        let mut stages = Stage::ALL.into_iter();
        stages
            .find(|stage| stage.name() == name)
            .ok_or_else(|| D::Error::custom(format!("{name:?} is no stage")))
    }
}

/// A histogram as [`HistogramV2`](super::HistogramV2).
pub(super) mod histogram {
    use hdrhistogram::Histogram;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    use crate::snapshot::HistogramV2;

    pub(in crate::snapshot) fn empty() -> Histogram<u64> {
        Histogram::new(2).expect("two significant digits are valid")
    }

    pub(in crate::snapshot) fn serialize<S: Serializer>(
        histogram: &Histogram<u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        HistogramV2::encode(histogram).serialize(serializer)
    }

    pub(in crate::snapshot) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Histogram<u64>, D::Error> {
        let payload = HistogramV2::deserialize(deserializer)?;
        payload.decode().map_err(D::Error::custom)
    }
}
