-- Which kinds of object a database has: only their queries are run. One row; every column is a file's name.
select
  exists (select from pg_class where oid >= 16384 and relkind in ('r', 'p')) as tables
, exists (select from pg_class where oid >= 16384 and relkind = 'f') as foreign_tables
, exists (select from pg_class where oid >= 16384 and relkind = 'S') as sequences
, exists (select from pg_class where oid >= 16384 and relkind in ('i', 'I') and relnamespace <> 99) as indexes
, exists (select from pg_class where oid >= 16384 and relkind = 'v') as views
, exists (select from pg_class where oid >= 16384 and relkind = 'm') as materialized_views
, exists (select from pg_class where oid >= 16384 and relkind in ('r', 'p', 'f', 'v', 'm', 'c')) as columns
, exists (select from pg_constraint where oid >= 16384 and contype in ('p', 'u', 'f', 'c', 'x')) as constraints
, exists (select from pg_type where oid >= 16384 and (typtype in ('b', 'r', 'p') and typcategory <> 'A' or typtype = 'c')) as types
, exists (select from pg_type where oid >= 16384 and typtype = 'e') as enums
, exists (select from pg_type where oid >= 16384 and typtype = 'd') as domains
, exists (select from pg_proc where oid >= 16384 and prokind in ('f', 'w')) as functions
, exists (select from pg_proc where oid >= 16384 and prokind = 'p') as procedures
, exists (select from pg_proc where oid >= 16384 and prokind = 'a') as aggregates
, exists (select from pg_trigger where oid >= 16384) as triggers
, exists (select from pg_event_trigger) as event_triggers
, exists (select from pg_rewrite where oid >= 16384 and rulename <> '_RETURN') as rules
, exists (select from pg_policy) as policies
, exists (select from pg_collation where oid >= 16384) as collations
, exists (select from pg_language where oid >= 16384) as languages
, exists (select from pg_operator where oid >= 16384) as operators
, exists (select from pg_opclass where oid >= 16384) as operator_classes
, exists (select from pg_opfamily where oid >= 16384) as operator_families
, exists (select from pg_cast where oid >= 16384) as casts
, exists (select from pg_conversion where oid >= 16384) as conversions
, exists (select from pg_transform where oid >= 16384) as transforms
, exists (select from pg_am where oid >= 16384) as access_methods
, exists (select from pg_ts_config where oid >= 16384) as text_search_configurations
, exists (select from pg_ts_dict where oid >= 16384) as text_search_dictionaries
, exists (select from pg_ts_parser where oid >= 16384) as text_search_parsers
, exists (select from pg_ts_template where oid >= 16384) as text_search_templates
, exists (select from pg_foreign_data_wrapper) as foreign_data_wrappers
, exists (select from pg_foreign_server) as foreign_servers
, exists (select from pg_user_mappings) as user_mappings
, exists (select from pg_publication) as publications
, exists (select from pg_statistic_ext) as statistics
, exists (select from pg_default_acl) as default_privileges
, exists (select from pg_db_role_setting where setdatabase = (select oid from pg_database where datname = current_database())) as settings
, exists (select from pg_seclabel where objoid >= 16384) as security_labels
