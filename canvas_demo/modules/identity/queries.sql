-- name: load_organization
SELECT organization_id, name, version FROM organization WHERE organization_id = %s

-- name: save_organization
INSERT INTO organization (organization_id, name, version, created_at, updated_at)
VALUES (%(organization_id)s, %(name)s, %(version)s, %(now)s, %(now)s)
ON CONFLICT (organization_id) DO UPDATE SET
    name = excluded.name, version = excluded.version, updated_at = excluded.updated_at

-- name: load_account
SELECT user_id, organization_id, username, generation, version FROM account WHERE user_id = %s

-- name: save_account
INSERT INTO account (user_id, organization_id, username, generation, version, created_at, updated_at)
VALUES (%(user_id)s, %(organization_id)s, %(username)s, %(generation)s, %(version)s, %(now)s, %(now)s)
ON CONFLICT (user_id) DO UPDATE SET
    username = excluded.username, generation = excluded.generation, version = excluded.version,
    updated_at = excluded.updated_at

-- name: ended_tokens
-- Users who ended tokens after the given time.
SELECT user_id, generation FROM account WHERE generation > 0 AND updated_at > %s

-- name: find_credential
-- Names are compared as the index account_one_a_username compares them.
SELECT user_id, organization_id, username, generation, password_hash
FROM account JOIN credential USING (user_id)
WHERE casefold(normalize(username, NFKC) COLLATE pg_unicode_fast)
    = casefold(normalize(%s::text, NFKC) COLLATE pg_unicode_fast)

-- name: find_username
SELECT FROM account
WHERE casefold(normalize(username, NFKC) COLLATE pg_unicode_fast)
    = casefold(normalize(%s::text, NFKC) COLLATE pg_unicode_fast)

-- name: fold_username
-- A name as it is compared above.
SELECT casefold(normalize(%s::text, NFKC) COLLATE pg_unicode_fast) AS folded

-- name: insert_credential
INSERT INTO credential (user_id, password_hash, created_at) VALUES (%s, %s, %s)

-- name: lock_credential
SELECT password_hash FROM credential WHERE user_id = %s FOR UPDATE

-- name: change_credential
UPDATE credential SET password_hash = %s WHERE user_id = %s

-- name: delete_credentials_of_organization
DELETE FROM credential WHERE user_id IN (SELECT user_id FROM account WHERE organization_id = %s)

-- name: lock_first_user
SELECT pg_advisory_xact_lock(hashtextextended('identity/first-user', 0))

-- name: lock_signing_keys
SELECT pg_advisory_xact_lock(hashtextextended('identity/signing-keys', 0))

-- name: load_signing_keys
SELECT kid, private_key, created_at, signs_from FROM signing_key ORDER BY signs_from, kid

-- name: insert_signing_key
INSERT INTO signing_key (kid, private_key, created_at, signs_from) VALUES (%s, %s, %s, %s)

-- name: delete_signing_keys
DELETE FROM signing_key WHERE kid = ANY(%s)

-- name: count_attempt
-- A row comes back where there is room for the attempt.
INSERT INTO attempt AS known (subject, free_at) VALUES (%(subject)s, %(now)s::timestamptz + %(cost)s)
ON CONFLICT (subject) DO UPDATE SET free_at = greatest(known.free_at, %(now)s) + %(cost)s
    WHERE greatest(known.free_at, %(now)s) + %(cost)s <= %(now)s::timestamptz + %(room)s
RETURNING free_at

-- name: find_attempts
SELECT free_at FROM attempt WHERE subject = %s

-- name: take_attempt_back
UPDATE attempt SET free_at = free_at - %(cost)s WHERE subject = %(subject)s

-- name: forget_attempts
DELETE FROM attempt WHERE subject = %s

-- name: drop_old_attempts
-- A few at a time, with every new one: so there is never a heap of them.
DELETE FROM attempt WHERE subject IN (
    SELECT subject FROM attempt WHERE free_at < %s ORDER BY free_at LIMIT 10 FOR UPDATE SKIP LOCKED
)
