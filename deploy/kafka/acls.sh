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

# allow USER OPERATION topic|group literal|prefixed NAME
allow() {
  if [ "$MODE" = --print ]; then
    printf '%s %s %s %s %s\n' "$@"
  else
    # words of KAFKA_ACLS are a command and its arguments
    ${KAFKA_ACLS:?the kafka-acls command with its connection} --add \
      --allow-principal "User:$1" --operation "$2" "--$3" "$5" --resource-pattern-type "$4"
  fi
}

# each_source USER OPERATION
each_source() {
  for topic in $SOURCE_TOPICS; do
    case $topic in
      *'*') allow "$1" "$2" topic prefixed "${topic%'*'}" ;;
      *) allow "$1" "$2" topic literal "$topic" ;;
    esac
  done
}

each_source "$PHASE1" Read
allow "$PHASE1" Read group literal "$PREFIX-landing"
allow "$PHASE1" Write topic literal "$ANNOUNCEMENTS"
# Not needed where somebody has made the topic.
allow "$PHASE1" Create topic literal "$ANNOUNCEMENTS"

allow "$PHASE2" Read topic literal "$ANNOUNCEMENTS"
allow "$PHASE2" Read group literal "$PREFIX-table"

each_source "$VERIFY" Read
# Whether a topic is compacted: without it a record that Kafka has and raw has not might pass for a compacted one.
each_source "$VERIFY" DescribeConfigs

each_source "$SCALER" Describe
allow "$SCALER" Describe topic literal "$ANNOUNCEMENTS"
allow "$SCALER" Describe group literal "$PREFIX-landing"
allow "$SCALER" Describe group literal "$PREFIX-table"
