"""A server that speaks Fred's protocol from recorded series, with vintages made of them."""
