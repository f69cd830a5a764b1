/* SPDX-License-Identifier: Apache-2.0 */
#include "cdm/shape.h"

#include "base/macros.h"
#include "cdm/field.h"

#include <string.h>

#define TRAIT_CONSTRAINED "is.constrained"
#define TRAIT_SHAPED "is.dataFormat.numeric.shaped"
#define TYPE_BINARY "binary"

static const char *const data_types[] = {
#define DATA_TYPE(name, cdm) cdm,
    LF_TYPES(DATA_TYPE)
#undef DATA_TYPE
};

static bool has_fraction(enum lf_type type)
{
    return type == LF_TYPE_TIME || type == LF_TYPE_DATETIME || type == LF_TYPE_DATETIMEOFFSET;
}

static void print_argument(struct json_writer *writer, const char *name, int64_t value)
{
    json_begin_object(writer);
    write_text(writer, "name", name);
    json_write_key(writer, "value");
    json_write_int(writer, value);
    json_end_object(writer);
}

static void begin_trait(struct json_writer *writer, const char *reference)
{
    json_write_key(writer, "cdm:traits");
    json_begin_array(writer);
    json_begin_object(writer);
    write_text(writer, "traitReference", reference);
    json_write_key(writer, "arguments");
    json_begin_array(writer);
}

static void end_trait(struct json_writer *writer)
{
    json_end_array(writer);
    json_end_object(writer);
    json_end_array(writer);
}

static void print_traits(struct json_writer *writer, const struct model_attribute *attribute)
{
    if (attribute->type == LF_TYPE_STRING && attribute->max_length >= 0) {
        begin_trait(writer, TRAIT_CONSTRAINED);
        print_argument(writer, "maximumLength", attribute->max_length);
        end_trait(writer);
    }
    if (attribute->type == LF_TYPE_DECIMAL) {
        begin_trait(writer, TRAIT_SHAPED); /* readers take the arguments by position */
        print_argument(writer, "precision", attribute->precision);
        print_argument(writer, "scale", attribute->scale);
        end_trait(writer);
    }
}

static const char *const attribute_annotations[] = {"lakefeed:id",   "lakefeed:sourceType", "lakefeed:column",
                                                    "lakefeed:type", "lakefeed:scale",      "lakefeed:dropped"};
enum { NOTE_ID, NOTE_SOURCE_TYPE, NOTE_COLUMN, NOTE_TYPE, NOTE_SCALE, NOTE_DROPPED, NOTES };

void shape_print_attribute(struct json_writer *writer, const struct model_attribute *attribute)
{
    const char *const *notes = attribute_annotations;
    json_begin_object(writer);
    write_text(writer, "name", attribute->name);
    write_text(writer, "dataType", data_types[attribute->type]);
    json_write_key(writer, "maxLength");
    json_write_int(writer, attribute->max_length);
    print_traits(writer, attribute);
    json_write_key(writer, "annotations");
    json_begin_array(writer);
    write_annotation_u64(writer, notes[NOTE_ID], attribute->id);
    write_annotation(writer, notes[NOTE_SOURCE_TYPE], attribute->source_type);
    write_annotation(writer, notes[NOTE_COLUMN], attribute->column);
    write_annotation(writer, notes[NOTE_TYPE], attribute->type == LF_TYPE_BINARY ? TYPE_BINARY : NULL);
    if (has_fraction(attribute->type)) {
        write_annotation_u64(writer, notes[NOTE_SCALE], attribute->scale);
    }
    write_annotation(writer, notes[NOTE_DROPPED], attribute->dropped ? "true" : NULL);
    json_end_array(writer);
    json_end_object(writer);
}

bool shape_print_key(const struct model_shape *shape, struct buf *out, struct lf_error *err)
{
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(out, false);
    json_begin_array(writer);
    for (size_t i = 0; i < shape->nkey; i++) {
        json_write_text(writer, shape->attributes[shape->key[i]].name);
    }
    json_end_array(writer);
    return json_writer_finish(writer, err);
}

/* One trait with these integer arguments in this order, and nothing else. */
static bool parse_trait(const struct json *traits, const char *reference, const char *const *names, int64_t *ret_values,
                        size_t count, struct lf_error *err)
{
    static const char *const trait_parts[] = {"traitReference", "arguments"};
    static const char *const argument_parts[] = {"name", "value"};
    const struct json *members[2] = {0};
    TRY(field_is_list(traits, "cdm:traits", err));
    TRY(field_members(json_first(traits), trait_parts, ARRAY_LEN(trait_parts), members, err));
    const char *text = json_text(members[0]);
    if (field_count(traits) != 1 || text == NULL || strcmp(text, reference) != 0 || field_count(members[1]) != count) {
        return lf_error_set(err, LF_DATA, 0, "cdm:traits is not one \"%s\" with %zu arguments", reference, count);
    }
    const struct json *argument = json_first(members[1]);
    for (size_t i = 0; i < count; i++, argument = json_next(argument)) {
        const struct json *parts[2] = {0};
        TRY(field_members(argument, argument_parts, ARRAY_LEN(argument_parts), parts, err));
        const char *name = json_text(parts[0]);
        if (name == NULL || strcmp(name, names[i]) != 0 || !json_int(parts[1], &ret_values[i])) {
            return lf_error_set(err, LF_DATA, 0, "argument %zu of \"%s\" is not the number \"%s\"", i, reference,
                                names[i]);
        }
    }
    return true;
}

static bool parse_decimal(const struct json *traits, struct model_attribute *attribute, struct lf_error *err)
{
    static const char *const names[] = {"precision", "scale"};
    int64_t values[2] = {0};
    TRY(parse_trait(traits, TRAIT_SHAPED, names, values, ARRAY_LEN(names), err));
    if (values[0] < 1 || values[0] > 38 || values[1] < 0 || values[1] > 38) {
        return lf_error_set(err, LF_DATA, 0, "precision or scale is out of range");
    }
    attribute->precision = (uint8_t)values[0];
    attribute->scale = (uint8_t)values[1];
    return true;
}

static bool parse_bound(const struct json *traits, const struct model_attribute *attribute, struct lf_error *err)
{
    static const char *const names[] = {"maximumLength"};
    int64_t value = 0;
    TRY(parse_trait(traits, TRAIT_CONSTRAINED, names, &value, ARRAY_LEN(names), err));
    return value == attribute->max_length || lf_error_set(err, LF_DATA, 0, "maximumLength differs from maxLength");
}

static bool parse_traits(const struct json *traits, struct model_attribute *attribute, struct lf_error *err)
{
    if (attribute->type == LF_TYPE_DECIMAL) {
        return parse_decimal(traits, attribute, err);
    }
    if (attribute->type == LF_TYPE_STRING && attribute->max_length >= 0) {
        return parse_bound(traits, attribute, err);
    }
    return traits == NULL || lf_error_set(err, LF_DATA, 0, "unexpected cdm:traits");
}

static bool parse_type(const char *data_type, const char *type, enum lf_type *ret_type, struct lf_error *err)
{
    if (data_type == NULL) {
        return lf_error_set(err, LF_DATA, 0, "dataType is missing or not text");
    }
    for (size_t i = 0; i < ARRAY_LEN(data_types); i++) {
        if (i != LF_TYPE_BINARY && strcmp(data_types[i], data_type) == 0) {
            *ret_type = (enum lf_type)i;
            if (type == NULL) {
                return true;
            }
            *ret_type = LF_TYPE_BINARY;
            return (i == LF_TYPE_STRING && strcmp(type, TYPE_BINARY) == 0) ||
                   lf_error_set(err, LF_DATA, 0, "lakefeed:type \"%.40s\" does not fit dataType", type);
        }
    }
    return lf_error_set(err, LF_DATA, 0, "unknown dataType \"%.40s\"", data_type);
}

static bool parse_scale(const char *text, struct model_attribute *attribute, struct lf_error *err)
{
    uint32_t scale = 0;
    if (!has_fraction(attribute->type)) {
        return text == NULL || lf_error_set(err, LF_DATA, 0, "unexpected lakefeed:scale");
    }
    TRY(field_u32(text, "lakefeed:scale", &scale, err));
    attribute->scale = (uint8_t)scale;
    return scale <= 7 || lf_error_set(err, LF_DATA, 0, "lakefeed:scale is over 7");
}

static bool parse_notes(const char *const *notes, struct model_attribute *attribute, struct lf_error *err)
{
    TRY(field_u32(notes[NOTE_ID], "lakefeed:id", &attribute->id, err));
    attribute->source_type = text_copy(notes[NOTE_SOURCE_TYPE]);
    attribute->column = text_copy(notes[NOTE_COLUMN]);
    attribute->dropped = notes[NOTE_DROPPED] != NULL;
    if (attribute->dropped && strcmp(notes[NOTE_DROPPED], "true") != 0) {
        return lf_error_set(err, LF_DATA, 0, "lakefeed:dropped is not \"true\"");
    }
    return parse_scale(notes[NOTE_SCALE], attribute, err);
}

static bool parse_attribute(const struct json *object, struct model_attribute *attribute, struct lf_error *err)
{
    static const char *const names[] = {"name", "dataType", "maxLength", "cdm:traits", "annotations"};
    const struct json *members[ARRAY_LEN(names)];
    const char *notes[NOTES];
    int64_t max_length = 0;
    TRY(field_members(object, names, ARRAY_LEN(names), members, err));
    TRY(field_text(json_text(members[0]), "name", &attribute->name, err));
    TRY(field_annotations(members[4], attribute_annotations, NOTES, notes, err));
    TRY(parse_type(json_text(members[1]), notes[NOTE_TYPE], &attribute->type, err));
    if (!json_int(members[2], &max_length) || max_length < -1 || max_length > INT32_MAX) {
        return lf_error_set(err, LF_DATA, 0, "maxLength is missing or out of range");
    }
    attribute->max_length = (int32_t)max_length;
    TRY(parse_traits(members[3], attribute, err));
    return parse_notes(notes, attribute, err);
}

bool shape_parse_attributes(const struct json *list, struct model_shape *ret_shape, struct lf_error *err)
{
    TRY(field_is_list(list, "attributes", err));
    const size_t count = field_count(list);
    if (count == 0) {
        return true;
    }
    ret_shape->attributes = mem_new(count, sizeof *ret_shape->attributes);
    for (const struct json *object = json_first(list); object != NULL; object = json_next(object)) {
        struct model_attribute *attribute = &ret_shape->attributes[ret_shape->nattributes++];
        if (!parse_attribute(object, attribute, err)) {
            return lf_error_wrap(err, "attribute %zu \"%.100s\"", ret_shape->nattributes,
                                 attribute->name != NULL ? attribute->name : "");
        }
    }
    return true;
}

static bool find_attribute(const struct model_shape *shape, const char *name, uint32_t *ret_index)
{
    for (size_t i = 0; i < shape->nattributes; i++) {
        if (strcmp(shape->attributes[i].name, name) == 0) {
            *ret_index = (uint32_t)i;
            return true;
        }
    }
    return false;
}

bool shape_parse_key(const char *text, struct model_shape *shape, struct lf_error *err)
{
    if (text == NULL) {
        return lf_error_set(err, LF_DATA, 0, "the key is missing");
    }
    CLEANUP(json_free) struct json *list = NULL;
    TRY(json_parse("key", text, strlen(text), &list, err));
    TRY(field_is_list(list, "key", err));
    const size_t count = field_count(list);
    if (count == 0) {
        return true;
    }
    shape->key = mem_new(count, sizeof *shape->key);
    for (const struct json *element = json_first(list); element != NULL; element = json_next(element)) {
        const char *name = json_text(element);
        if (name == NULL || !find_attribute(shape, name, &shape->key[shape->nkey])) {
            return lf_error_set(err, LF_DATA, 0, "the key names \"%.100s\", which is not an attribute",
                                name != NULL ? name : "?");
        }
        shape->nkey++;
    }
    return true;
}
