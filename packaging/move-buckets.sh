#!/usr/bin/env bash
# Moves the people of some buckets from one of an installation's databases to another. Every node must be stopped.
#   ./move-buckets.sh FROM TO FIRST LAST      FROM and TO as psql takes them (postgres://…), buckets FIRST to LAST (0 to 4095)
# What was copied is removed only after all of it is there; a run that broke off may be run again. docs/how-to/shard-by-bucket.md has the steps around it.
set -euo pipefail
[ $# -eq 4 ] || { echo "usage: $0 FROM TO FIRST LAST" >&2; exit 2; }
from="$1" to="$2" first="$3" last="$4"
[[ "$first" =~ ^[0-9]+$ && "$last" =~ ^[0-9]+$ ]] && [ "$first" -le "$last" ] && [ "$last" -le 4095 ] || { echo "$0: the buckets are 0 to 4095." >&2; exit 2; }

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
psql() { command psql -X -q -v ON_ERROR_STOP=1 "$@"; }

# The bucket of a row: the first 12 bits of SHA-256 of a person's sub, of an id that is a hash, or of a token's jti.
of_sub="(get_byte(sha256(convert_to(sub, 'UTF8')), 0) * 16 + get_byte(sha256(convert_to(sub, 'UTF8')), 1) / 16)"
of_id="(get_byte(id, 0) * 16 + get_byte(id, 1) / 16)"
of_jti="(get_byte(decode(translate(left(jti, 4), '-_', '+/'), 'base64'), 0) * 16 + get_byte(decode(translate(left(jti, 4), '-_', '+/'), 'base64'), 1) / 16)"
range="BETWEEN $first AND $last"
tables=(users sessions session_clients consents grants audit revoked_tokens replay_guard pushed_requests)
declare -A rows=(
  [users]="$of_sub $range" [audit]="sub IS NOT NULL AND $of_sub $range"
  [sessions]="bucket $range" [session_clients]="bucket $range" [consents]="bucket $range" [grants]="bucket $range"
  [revoked_tokens]="CASE WHEN jti ~ '^[A-Za-z0-9_-]{4}' THEN $of_jti ELSE 0 END $range"
  [replay_guard]="length(id) > 1 AND $of_id $range" [pushed_requests]="$of_id $range"
)

{
  echo "BEGIN;"
  for table in "${tables[@]}"; do
    # The audit is numbered anew where it comes to.
    columns="$(psql -At "$from" -c "SELECT string_agg(column_name::text, ', ' ORDER BY ordinal_position) FROM information_schema.columns
      WHERE table_schema = current_schema() AND table_name = '$table' AND NOT (table_name = 'audit' AND column_name = 'id')")"
    if [ "$table" = grants ]; then
      psql "$from" -c "\copy (SELECT $columns, (SELECT terms FROM grant_terms t WHERE t.id = terms_id) FROM grants WHERE ${rows[$table]}) TO '$work/$table'"
      echo "CREATE TEMP TABLE moved ON COMMIT DROP AS SELECT $columns, '' AS its_terms FROM grants WITH NO DATA;"
      echo "\copy moved FROM '$work/$table'"
      echo "INSERT INTO grant_terms (terms) SELECT DISTINCT its_terms FROM moved ON CONFLICT DO NOTHING;"
      echo "UPDATE moved SET terms_id = t.id FROM grant_terms t WHERE t.terms = its_terms;"
    else
      psql "$from" -c "\copy (SELECT $columns FROM $table WHERE ${rows[$table]}) TO '$work/$table'"
      echo "CREATE TEMP TABLE moved ON COMMIT DROP AS SELECT $columns FROM $table WITH NO DATA;"
      echo "\copy moved FROM '$work/$table'"
    fi
    # What a run that broke off has copied is there. Only the audit has no key by which that shows.
    if [ "$table" = audit ]; then
      echo "INSERT INTO audit ($columns) SELECT $columns FROM moved WHERE NOT EXISTS
        (SELECT FROM audit a WHERE a.sub = moved.sub AND ROW($(sed -E 's/(^|, )/\1a./g' <<<"$columns")) IS NOT DISTINCT FROM ROW($(sed -E 's/(^|, )/\1moved./g' <<<"$columns")));"
    else
      echo "INSERT INTO $table ($columns) SELECT $columns FROM moved ON CONFLICT DO NOTHING;"
    fi
    echo "DROP TABLE moved;"
  done
  echo "COMMIT;"
} >"$work/copy.sql"
psql "$to" -f "$work/copy.sql"

{
  echo "BEGIN;"
  for table in "${tables[@]}"; do echo "DELETE FROM $table WHERE ${rows[$table]};"; done
  echo "COMMIT;"
} >"$work/remove.sql"
psql "$from" -f "$work/remove.sql"
for table in "${tables[@]}"; do echo "$table: $(wc -l <"$work/$table")"; done
