//! What capnpc has made of schema/. It is not ours: no warnings.
#![allow(warnings, clippy::all)]

macro_rules! schema {
    ($module:ident, $file:literal) => {
        pub mod $module {
            include!(concat!(env!("OUT_DIR"), "/", $file));
        }
    };
}

schema!(command_capnp, "command_capnp.rs");
schema!(remote_ui_capnp, "remote_ui_capnp.rs");
schema!(user_session_capnp, "user_session_capnp.rs");
schema!(remote_session_capnp, "remote_session_capnp.rs");
schema!(chat_capnp, "chat_capnp.rs");
schema!(system_info_capnp, "system_info_capnp.rs");
