@0xb38be6c7838c65e6;
struct Far {}
