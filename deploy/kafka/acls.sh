#!/bin/sh
# The rights of each role in Kafka, and none more: phase 1 reads the source topics and announces, phase 2 hears the announcements,
# verify compares with Kafka, scaler asks for lag (KEDA). READ and WRITE imply DESCRIBE. Safe to run again.
#
#   SOURCE_TOPICS="orders shop-*" KAFKA_ACLS="kafka-acls.sh --bootstrap-server broker:9092 --command-config admin.properties" ./acls.sh
#   SOURCE_TOPICS="orders shop-*" ./acls.sh --print      # one right a line: user, operation, kind, pattern, name
# no word below is a pattern of file names
set -euf

# Names of topics, separated by spaces; one that ends in * stands for all that begin so.
: "${SOURCE_TOPICS:?names of the source topics}"
# MILLRACE_GROUP_PREFIX and MILLRACE_ANNOUNCEMENTS_TOPIC of the services.
PREFIX=${PREFIX:-millrace}
ANNOUNCEMENTS=${ANNOUNCEMENTS:-_${PREFIX}_announcements}
# The users that the services log in as.
PHASE1=${PHASE1:-millrace-phase1}
PHASE2=${PHASE2:-millrace-phase2}
VERIFY=${VERIFY:-millrace-verify}
SCALER=${SCALER:-millrace-scaler}

MODE=${1:-}

# allow USER "OPERATION…" "topic:NAME… group:NAME…": every operation on every resource; a name that ends in * is a prefix
allow() {
  for pattern in literal prefixed; do
    words=
    for resource in $3; do
      kind=${resource%%:*}
      name=${resource#*:}
      case $name in
        *'*') [ $pattern = prefixed ] || continue ;;
        *) [ $pattern = literal ] || continue ;;
      esac
      words="$words --$kind ${name%'*'}"
      for operation in $2; do
        [ "$MODE" != --print ] || printf '%s %s %s %s %s\n' "$1" "$operation" "$kind" "$pattern" "${name%'*'}"
      done
    done
    if [ -n "$words" ] && [ "$MODE" != --print ]; then
      for operation in $2; do words="$words --operation $operation"; done
      # the words of KAFKA_ACLS are a command and its arguments
      ${KAFKA_ACLS:?the kafka-acls command with its connection} --add --allow-principal "User:$1" --resource-pattern-type "$pattern" $words
    fi
  done
}

sources=
for topic in $SOURCE_TOPICS; do sources="$sources topic:$topic"; done

allow "$PHASE1" Read "$sources group:$PREFIX-landing"
# Create is not needed where somebody has made the topic.
allow "$PHASE1" "Write Create" "topic:$ANNOUNCEMENTS"

allow "$PHASE2" Read "topic:$ANNOUNCEMENTS group:$PREFIX-table"

# DescribeConfigs tells whether a topic is compacted: without it a record that raw lacks might pass for a compacted one.
allow "$VERIFY" "Read DescribeConfigs" "$sources"

allow "$SCALER" Describe "$sources topic:$ANNOUNCEMENTS group:$PREFIX-landing group:$PREFIX-table"
