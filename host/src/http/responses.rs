//! What many calls answer when they do not do what they were asked for, in the words of the API's document.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, ToSchema,
    openapi::{Content, Ref, RefOr, Response, ResponseBuilder},
};

use super::error::Problem;

/// Names for problems, to stand in `responses(…)`.
macro_rules! problems {
    ($($name:ident is $status:literal: $description:literal;)*) => {$(
        #[doc = $description]
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                problem($status, $description)
            }
        }
    )*};
}

problems! {
    Forbidden is "403": "The token may not";
    NotFound is "404": "There is none of that name";
    Invalid is "422": "Something in it cannot be";
    WechatRefused is "502": "WeChat did not do it";
    PayRefused is "502": "WeChat Pay refused, or cannot be reached";
    PayUnknown is "504": "WeChat Pay may have done it: its answer is missing or cannot be believed";
}

fn problem(status: &str, description: &str) -> BTreeMap<String, RefOr<Response>> {
    let content = Content::new(Some(Ref::from_schema_name(Problem::name())));
    let response = ResponseBuilder::new().description(description).content("application/json", content).build();
    BTreeMap::from([(status.to_owned(), RefOr::T(response))])
}
