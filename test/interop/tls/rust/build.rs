//! Generates the types of the session from the contract, schema/*.capnp, and from nothing else.
//! The generator is told the folder by SESSION_SCHEMA, or takes the one of this repository.

fn main() {
    let folder = std::env::var("SESSION_SCHEMA").unwrap_or_else(|_| "../../../../schema".into());
    let mut command = capnpc::CompilerCommand::new();

    println!("cargo:rerun-if-env-changed=SESSION_SCHEMA");
    command.src_prefix(&folder);
    for name in ["command", "remote_ui", "user_session", "remote_session", "system_info"] {
        let file = format!("{folder}/{name}.capnp");
        println!("cargo:rerun-if-changed={file}");
        command.file(file);
    }
    command.run().expect("the schema does not compile");
}
