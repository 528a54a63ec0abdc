-- Which kinds of object a database has: only their queries are run. One row; every column is a file's name.
-- What lives in a schema, on a table or on a function has left a dependency, so one look at those spares a look into most
-- catalogs; a false yes costs a query that finds nothing. The rest is asked for by name.
with
  dependent as materialized (select array_agg(classid::regclass::text) as catalogs
    from (select distinct classid from pg_depend where objid >= 16384) d)
, relation as materialized (select array_agg(distinct relkind) as kinds from pg_class where oid >= 16384)
, type as materialized (select array_agg(distinct typtype) as kinds from pg_type where oid >= 16384)
, routine as materialized (select array_agg(distinct prokind) as kinds from pg_proc where oid >= 16384)
select
  relation.kinds && '{r,p}' as tables
, relation.kinds && '{f}' as foreign_tables
, relation.kinds && '{S}' as sequences
, relation.kinds && '{i,I}' as indexes
, relation.kinds && '{v}' as views
, relation.kinds && '{m}' as materialized_views
, relation.kinds && '{r,p,f,v,m,c}' as columns
, type.kinds && '{b,c,r,p}' and (relation.kinds && '{c}' or type.kinds && '{r,p}' or routine.kinds is not null) as types
, type.kinds && '{e}' as enums
, type.kinds && '{d}' as domains
, routine.kinds && '{f,w}' as functions
, routine.kinds && '{p}' as procedures
, routine.kinds && '{a}' as aggregates
, catalogs && '{pg_constraint}' as constraints
, catalogs && '{pg_trigger}' as triggers
, catalogs && '{pg_event_trigger}' as event_triggers
, catalogs && '{pg_rewrite}' as rules
, catalogs && '{pg_policy}' as policies
, catalogs && '{pg_collation}' as collations
, catalogs && '{pg_operator}' as operators
, catalogs && '{pg_opclass}' as operator_classes
, catalogs && '{pg_opfamily}' as operator_families
, catalogs && '{pg_conversion}' as conversions
, catalogs && '{pg_transform}' as transforms
, catalogs && '{pg_ts_config}' as text_search_configurations
, catalogs && '{pg_ts_dict}' as text_search_dictionaries
, catalogs && '{pg_ts_parser}' as text_search_parsers
, catalogs && '{pg_ts_template}' as text_search_templates
, catalogs && '{pg_foreign_server}' as foreign_servers
, catalogs && '{pg_user_mapping}' as user_mappings
, catalogs && '{pg_statistic_ext}' as statistics
, exists (select from pg_language where oid >= 16384) as languages
, exists (select from pg_cast where oid >= 16384) as casts
, exists (select from pg_am where oid >= 16384) as access_methods
, exists (select from pg_foreign_data_wrapper) as foreign_data_wrappers
, exists (select from pg_publication) as publications
, exists (select from pg_default_acl) as default_privileges
, exists (select from pg_db_role_setting where setdatabase = (select oid from pg_database where datname = current_database())) as settings
, exists (select from pg_seclabel where objoid >= 16384) as security_labels
from dependent, relation, type, routine
