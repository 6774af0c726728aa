"""The storefront's views, by page. Each parses, makes its calls to the shop, and presents."""
