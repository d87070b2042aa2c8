-- What deploy/migrations makes, as MariaDB shows it. The contract suite compares it with a real server.
-- Written by python -m tests.contracts.schema DSN
CREATE TABLE `audit_letters` (
  `letter_id` bigint(20) NOT NULL,
  `audit_id` bigint(20) NOT NULL,
  PRIMARY KEY (`letter_id`,`audit_id`),
  KEY `audit_letters_audit` (`audit_id`)
);
CREATE TABLE `audit_log` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `at` datetime(6) NOT NULL,
  `actor` varchar(64) NOT NULL,
  `role` varchar(20) NOT NULL,
  `action` varchar(40) NOT NULL,
  `reason` varchar(1000) NOT NULL,
  `letters` bigint(20) NOT NULL,
  `selection` mediumtext DEFAULT NULL,
  `details` mediumtext DEFAULT NULL,
  `request_id` varchar(128) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `audit_log_action` (`action`),
  KEY `audit_log_actor` (`actor`)
);
CREATE TABLE `audit_seals` (
  `seq` bigint(20) NOT NULL,
  `audit_id` bigint(20) NOT NULL,
  `hash` char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (`seq`),
  UNIQUE KEY `audit_seals_once` (`audit_id`)
);
CREATE TABLE `dead_letter_actors` (
  `actor` varchar(64) NOT NULL,
  PRIMARY KEY (`actor`)
);
CREATE TABLE `dead_letter_bodies` (
  `letter_id` bigint(20) NOT NULL,
  `part` int(11) NOT NULL,
  `body` mediumblob NOT NULL,
  PRIMARY KEY (`letter_id`,`part`)
);
CREATE TABLE `dead_letter_builds` (
  `fingerprint` char(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `build` varchar(100) NOT NULL,
  `letters` bigint(20) NOT NULL,
  `first_id` bigint(20) NOT NULL,
  `last_id` bigint(20) NOT NULL,
  PRIMARY KEY (`fingerprint`,`build`)
);
CREATE TABLE `dead_letter_dues` (
  `letter_id` bigint(20) NOT NULL,
  PRIMARY KEY (`letter_id`)
);
CREATE TABLE `dead_letter_edits` (
  `letter_id` bigint(20) NOT NULL,
  `number` int(11) NOT NULL,
  `fields` mediumblob NOT NULL,
  `author` varchar(64) NOT NULL,
  `reason` varchar(1000) NOT NULL,
  `at` datetime(6) NOT NULL,
  `transform_id` bigint(20) DEFAULT NULL,
  `reverts` int(11) DEFAULT NULL,
  PRIMARY KEY (`letter_id`,`number`),
  KEY `dead_letter_edits_transform` (`transform_id`)
);
CREATE TABLE `dead_letter_groups` (
  `fingerprint` char(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `reason` varchar(32) NOT NULL,
  `kind` varchar(100) NOT NULL,
  `code` varchar(100) NOT NULL,
  `command` varchar(60) NOT NULL,
  `frame` varchar(200) NOT NULL,
  `error` varchar(1000) NOT NULL,
  `first_id` bigint(20) NOT NULL,
  `last_id` bigint(20) NOT NULL,
  `entities` bigint(20) NOT NULL,
  `dead` bigint(20) NOT NULL,
  `replaying` bigint(20) NOT NULL,
  `discarded` bigint(20) NOT NULL,
  `applied` bigint(20) NOT NULL,
  `duplicate` bigint(20) NOT NULL,
  `superseded` bigint(20) NOT NULL,
  `rejected` bigint(20) NOT NULL,
  `expired` bigint(20) NOT NULL,
  `dead_again` bigint(20) NOT NULL,
  `imported` bigint(20) NOT NULL,
  `purged` bigint(20) NOT NULL,
  PRIMARY KEY (`fingerprint`)
);
CREATE TABLE `dead_letter_notes` (
  `fingerprint` char(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `note` text NOT NULL,
  `author` varchar(64) NOT NULL,
  `at` datetime(6) NOT NULL,
  PRIMARY KEY (`fingerprint`)
);
CREATE TABLE `dead_letter_transforms` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `at` datetime(6) NOT NULL,
  `author` varchar(64) NOT NULL,
  `reason` varchar(1000) NOT NULL,
  `selection` mediumtext NOT NULL,
  `patch` mediumtext NOT NULL,
  `letters` bigint(20) NOT NULL,
  `counts` text NOT NULL,
  PRIMARY KEY (`id`)
);
CREATE TABLE `dead_letter_trend` (
  `bucket` int(11) NOT NULL,
  `fingerprint` char(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `letters` bigint(20) NOT NULL,
  PRIMARY KEY (`bucket`,`fingerprint`),
  KEY `dead_letter_trend_group` (`fingerprint`,`bucket`)
);
CREATE TABLE `dead_letters` (
  `id` bigint(20) NOT NULL,
  `fingerprint` char(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `state` varchar(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `entry_id` varchar(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `operation_id` varchar(36) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `resource` varchar(40) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `entity_id` varchar(36) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `command` varchar(60) NOT NULL,
  `version` bigint(20) DEFAULT NULL,
  `reason` varchar(32) NOT NULL,
  `kind` varchar(100) NOT NULL,
  `code` varchar(100) NOT NULL,
  `error` varchar(1000) NOT NULL,
  `frame` varchar(200) NOT NULL,
  `dead_at` datetime(6) NOT NULL,
  `writer` varchar(100) NOT NULL,
  `build` varchar(100) NOT NULL,
  `attempts` int(11) NOT NULL,
  `size_bytes` bigint(20) NOT NULL,
  `imported` tinyint(4) NOT NULL,
  `edit` int(11) NOT NULL,
  `replay_id` bigint(20) DEFAULT NULL,
  `outcome` text DEFAULT NULL,
  `note` text DEFAULT NULL,
  `indexed_at` datetime(6) NOT NULL,
  `state_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `dead_letters_group` (`fingerprint`,`state`,`id`),
  KEY `dead_letters_state` (`state`,`id`),
  KEY `dead_letters_entry` (`entry_id`),
  KEY `dead_letters_operation` (`operation_id`),
  KEY `dead_letters_entity` (`entity_id`,`fingerprint`),
  KEY `dead_letters_version` (`state`,`version`)
);
CREATE TABLE `deleted_entities` (
  `resource` varchar(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `entity_id` char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `deleted_at` datetime(6) NOT NULL,
  PRIMARY KEY (`resource`,`entity_id`),
  KEY `deleted_entities_at` (`deleted_at`)
);
CREATE TABLE `deleted_users` (
  `user_id` char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `deleted_at` datetime(6) NOT NULL,
  PRIMARY KEY (`user_id`),
  KEY `deleted_users_at` (`deleted_at`)
);
CREATE TABLE `direct_keys` (
  `key_hash` char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `body_hash` char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `operation_id` char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `resource` varchar(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `entity_id` char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `version` bigint(20) NOT NULL,
  PRIMARY KEY (`key_hash`,`operation_id`)
);
CREATE TABLE `operation_totals` (
  `id` tinyint(4) NOT NULL,
  `applied` bigint(20) NOT NULL DEFAULT 0,
  `rejected` bigint(20) NOT NULL DEFAULT 0,
  `direct` bigint(20) NOT NULL DEFAULT 0,
  `closed_to` bigint(20) NOT NULL DEFAULT 0,
  `purged` bigint(20) NOT NULL DEFAULT 0,
  `purged_to` bigint(20) NOT NULL DEFAULT 0,
  `releases_purged` bigint(20) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`)
);
CREATE TABLE `operations` (
  `operation_id` char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `resource` varchar(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `entity_id` char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `command` varchar(60) NOT NULL,
  `version` bigint(20) NOT NULL,
  `effect` varchar(20) NOT NULL,
  `entity_version` bigint(20) NOT NULL,
  `rejection` text DEFAULT NULL,
  `body_hash` varchar(64) DEFAULT NULL,
  `entry_id` varchar(40) DEFAULT NULL,
  `ended_at` datetime(6) NOT NULL,
  `closed` tinyint(4) NOT NULL DEFAULT 0,
  `user_id` char(36) CHARACTER SET ascii COLLATE ascii_bin GENERATED ALWAYS AS (`entity_id`) VIRTUAL,
  `user_version` bigint(20) GENERATED ALWAYS AS (`entity_version`) VIRTUAL,
  PRIMARY KEY (`operation_id`),
  KEY `operations_version` (`version`),
  KEY `operations_closed` (`closed`)
);
CREATE TABLE `queue_epochs` (
  `epoch` bigint(20) NOT NULL,
  `cause` varchar(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `began` bigint(20) NOT NULL,
  `carried` bigint(20) NOT NULL,
  `lost` bigint(20) NOT NULL,
  `lost_from` bigint(20) NOT NULL,
  `floor` bigint(20) NOT NULL,
  `identity` varchar(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `look` bigint(20) NOT NULL,
  `accepted` bigint(20) NOT NULL,
  `entries` bigint(20) NOT NULL,
  `oldest` bigint(20) NOT NULL,
  `newest` bigint(20) NOT NULL,
  `seen_to` bigint(20) NOT NULL DEFAULT 0,
  `known_seen` bigint(20) NOT NULL DEFAULT -1,
  `known_unseen` bigint(20) NOT NULL DEFAULT -1,
  `late` bigint(20) NOT NULL DEFAULT 0,
  PRIMARY KEY (`epoch`)
);
CREATE TABLE `released_values` (
  `claims` varchar(81) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `claim_key` varchar(512) NOT NULL,
  `entity_id` char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `version` bigint(20) NOT NULL,
  PRIMARY KEY (`claims`,`claim_key`,`entity_id`),
  KEY `released_values_version` (`version`)
);
CREATE TABLE `replay_items` (
  `replay_id` bigint(20) NOT NULL,
  `position` int(11) NOT NULL,
  `letter_id` bigint(20) NOT NULL,
  `state` varchar(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `operation_id` varchar(36) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `entry_id` varchar(36) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `sent_at` datetime(6) DEFAULT NULL,
  `ended_at` datetime(6) DEFAULT NULL,
  `outcome` text DEFAULT NULL,
  PRIMARY KEY (`replay_id`,`position`),
  UNIQUE KEY `replay_items_once` (`replay_id`,`letter_id`),
  KEY `replay_items_state` (`state`,`replay_id`,`position`),
  KEY `replay_items_letter` (`letter_id`)
);
CREATE TABLE `replays` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `created_at` datetime(6) NOT NULL,
  `created_by` varchar(64) NOT NULL,
  `reason` varchar(1000) NOT NULL,
  `selection` mediumtext NOT NULL,
  `letters` bigint(20) NOT NULL,
  `plan` text NOT NULL,
  `state` varchar(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `state_at` datetime(6) NOT NULL,
  `state_reason` varchar(1000) NOT NULL,
  `counts` text NOT NULL,
  `base` text NOT NULL,
  `approved_by` varchar(64) DEFAULT NULL,
  `approved_at` datetime(6) DEFAULT NULL,
  `started_at` datetime(6) DEFAULT NULL,
  `ended_at` datetime(6) DEFAULT NULL,
  `lease_owner` varchar(100) DEFAULT NULL,
  `lease_until` datetime(6) DEFAULT NULL,
  `lease_token` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `replays_state` (`state`,`lease_until`)
);
CREATE TABLE `users` (
  `id` char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `name` varchar(200) NOT NULL,
  `name_version` bigint(20) NOT NULL,
  `email` varchar(254) NOT NULL,
  `email_key` varchar(512) DEFAULT NULL,
  `email_version` bigint(20) NOT NULL,
  `created_version` bigint(20) NOT NULL,
  `deleted_version` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `users_email_key` (`email_key`),
  KEY `users_listed` (`deleted_version`,`created_version`)
);
