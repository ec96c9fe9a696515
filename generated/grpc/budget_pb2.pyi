from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Currency(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CURRENCY_UNSPECIFIED: _ClassVar[Currency]
    CURRENCY_AED: _ClassVar[Currency]
    CURRENCY_AFN: _ClassVar[Currency]
    CURRENCY_ALL: _ClassVar[Currency]
    CURRENCY_AMD: _ClassVar[Currency]
    CURRENCY_AOA: _ClassVar[Currency]
    CURRENCY_ARS: _ClassVar[Currency]
    CURRENCY_AUD: _ClassVar[Currency]
    CURRENCY_AWG: _ClassVar[Currency]
    CURRENCY_AZN: _ClassVar[Currency]
    CURRENCY_BAM: _ClassVar[Currency]
    CURRENCY_BBD: _ClassVar[Currency]
    CURRENCY_BDT: _ClassVar[Currency]
    CURRENCY_BGN: _ClassVar[Currency]
    CURRENCY_BHD: _ClassVar[Currency]
    CURRENCY_BIF: _ClassVar[Currency]
    CURRENCY_BMD: _ClassVar[Currency]
    CURRENCY_BND: _ClassVar[Currency]
    CURRENCY_BOB: _ClassVar[Currency]
    CURRENCY_BRL: _ClassVar[Currency]
    CURRENCY_BSD: _ClassVar[Currency]
    CURRENCY_BTN: _ClassVar[Currency]
    CURRENCY_BWP: _ClassVar[Currency]
    CURRENCY_BYN: _ClassVar[Currency]
    CURRENCY_BZD: _ClassVar[Currency]
    CURRENCY_CAD: _ClassVar[Currency]
    CURRENCY_CDF: _ClassVar[Currency]
    CURRENCY_CHF: _ClassVar[Currency]
    CURRENCY_CLP: _ClassVar[Currency]
    CURRENCY_CNY: _ClassVar[Currency]
    CURRENCY_COP: _ClassVar[Currency]
    CURRENCY_CRC: _ClassVar[Currency]
    CURRENCY_CUP: _ClassVar[Currency]
    CURRENCY_CVE: _ClassVar[Currency]
    CURRENCY_CZK: _ClassVar[Currency]
    CURRENCY_DJF: _ClassVar[Currency]
    CURRENCY_DKK: _ClassVar[Currency]
    CURRENCY_DOP: _ClassVar[Currency]
    CURRENCY_DZD: _ClassVar[Currency]
    CURRENCY_EGP: _ClassVar[Currency]
    CURRENCY_ERN: _ClassVar[Currency]
    CURRENCY_ETB: _ClassVar[Currency]
    CURRENCY_EUR: _ClassVar[Currency]
    CURRENCY_FJD: _ClassVar[Currency]
    CURRENCY_FKP: _ClassVar[Currency]
    CURRENCY_GBP: _ClassVar[Currency]
    CURRENCY_GEL: _ClassVar[Currency]
    CURRENCY_GHS: _ClassVar[Currency]
    CURRENCY_GIP: _ClassVar[Currency]
    CURRENCY_GMD: _ClassVar[Currency]
    CURRENCY_GNF: _ClassVar[Currency]
    CURRENCY_GTQ: _ClassVar[Currency]
    CURRENCY_GYD: _ClassVar[Currency]
    CURRENCY_HKD: _ClassVar[Currency]
    CURRENCY_HNL: _ClassVar[Currency]
    CURRENCY_HTG: _ClassVar[Currency]
    CURRENCY_HUF: _ClassVar[Currency]
    CURRENCY_IDR: _ClassVar[Currency]
    CURRENCY_ILS: _ClassVar[Currency]
    CURRENCY_INR: _ClassVar[Currency]
    CURRENCY_IQD: _ClassVar[Currency]
    CURRENCY_IRR: _ClassVar[Currency]
    CURRENCY_ISK: _ClassVar[Currency]
    CURRENCY_JMD: _ClassVar[Currency]
    CURRENCY_JOD: _ClassVar[Currency]
    CURRENCY_JPY: _ClassVar[Currency]
    CURRENCY_KES: _ClassVar[Currency]
    CURRENCY_KGS: _ClassVar[Currency]
    CURRENCY_KHR: _ClassVar[Currency]
    CURRENCY_KMF: _ClassVar[Currency]
    CURRENCY_KPW: _ClassVar[Currency]
    CURRENCY_KRW: _ClassVar[Currency]
    CURRENCY_KWD: _ClassVar[Currency]
    CURRENCY_KYD: _ClassVar[Currency]
    CURRENCY_KZT: _ClassVar[Currency]
    CURRENCY_LAK: _ClassVar[Currency]
    CURRENCY_LBP: _ClassVar[Currency]
    CURRENCY_LKR: _ClassVar[Currency]
    CURRENCY_LRD: _ClassVar[Currency]
    CURRENCY_LSL: _ClassVar[Currency]
    CURRENCY_LYD: _ClassVar[Currency]
    CURRENCY_MAD: _ClassVar[Currency]
    CURRENCY_MDL: _ClassVar[Currency]
    CURRENCY_MGA: _ClassVar[Currency]
    CURRENCY_MKD: _ClassVar[Currency]
    CURRENCY_MMK: _ClassVar[Currency]
    CURRENCY_MNT: _ClassVar[Currency]
    CURRENCY_MOP: _ClassVar[Currency]
    CURRENCY_MRU: _ClassVar[Currency]
    CURRENCY_MUR: _ClassVar[Currency]
    CURRENCY_MVR: _ClassVar[Currency]
    CURRENCY_MWK: _ClassVar[Currency]
    CURRENCY_MXN: _ClassVar[Currency]
    CURRENCY_MYR: _ClassVar[Currency]
    CURRENCY_MZN: _ClassVar[Currency]
    CURRENCY_NAD: _ClassVar[Currency]
    CURRENCY_NGN: _ClassVar[Currency]
    CURRENCY_NIO: _ClassVar[Currency]
    CURRENCY_NOK: _ClassVar[Currency]
    CURRENCY_NPR: _ClassVar[Currency]
    CURRENCY_NZD: _ClassVar[Currency]
    CURRENCY_OMR: _ClassVar[Currency]
    CURRENCY_PAB: _ClassVar[Currency]
    CURRENCY_PEN: _ClassVar[Currency]
    CURRENCY_PGK: _ClassVar[Currency]
    CURRENCY_PHP: _ClassVar[Currency]
    CURRENCY_PKR: _ClassVar[Currency]
    CURRENCY_PLN: _ClassVar[Currency]
    CURRENCY_PYG: _ClassVar[Currency]
    CURRENCY_QAR: _ClassVar[Currency]
    CURRENCY_RON: _ClassVar[Currency]
    CURRENCY_RSD: _ClassVar[Currency]
    CURRENCY_RUB: _ClassVar[Currency]
    CURRENCY_RWF: _ClassVar[Currency]
    CURRENCY_SAR: _ClassVar[Currency]
    CURRENCY_SBD: _ClassVar[Currency]
    CURRENCY_SCR: _ClassVar[Currency]
    CURRENCY_SDG: _ClassVar[Currency]
    CURRENCY_SEK: _ClassVar[Currency]
    CURRENCY_SGD: _ClassVar[Currency]
    CURRENCY_SHP: _ClassVar[Currency]
    CURRENCY_SLE: _ClassVar[Currency]
    CURRENCY_SOS: _ClassVar[Currency]
    CURRENCY_SRD: _ClassVar[Currency]
    CURRENCY_SSP: _ClassVar[Currency]
    CURRENCY_STN: _ClassVar[Currency]
    CURRENCY_SVC: _ClassVar[Currency]
    CURRENCY_SYP: _ClassVar[Currency]
    CURRENCY_SZL: _ClassVar[Currency]
    CURRENCY_THB: _ClassVar[Currency]
    CURRENCY_TJS: _ClassVar[Currency]
    CURRENCY_TMT: _ClassVar[Currency]
    CURRENCY_TND: _ClassVar[Currency]
    CURRENCY_TOP: _ClassVar[Currency]
    CURRENCY_TRY: _ClassVar[Currency]
    CURRENCY_TTD: _ClassVar[Currency]
    CURRENCY_TWD: _ClassVar[Currency]
    CURRENCY_TZS: _ClassVar[Currency]
    CURRENCY_UAH: _ClassVar[Currency]
    CURRENCY_UGX: _ClassVar[Currency]
    CURRENCY_USD: _ClassVar[Currency]
    CURRENCY_UYU: _ClassVar[Currency]
    CURRENCY_UZS: _ClassVar[Currency]
    CURRENCY_VED: _ClassVar[Currency]
    CURRENCY_VES: _ClassVar[Currency]
    CURRENCY_VND: _ClassVar[Currency]
    CURRENCY_VUV: _ClassVar[Currency]
    CURRENCY_WST: _ClassVar[Currency]
    CURRENCY_XAF: _ClassVar[Currency]
    CURRENCY_XCD: _ClassVar[Currency]
    CURRENCY_XCG: _ClassVar[Currency]
    CURRENCY_XOF: _ClassVar[Currency]
    CURRENCY_XPF: _ClassVar[Currency]
    CURRENCY_YER: _ClassVar[Currency]
    CURRENCY_ZAR: _ClassVar[Currency]
    CURRENCY_ZMW: _ClassVar[Currency]
    CURRENCY_ZWG: _ClassVar[Currency]

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_USER: _ClassVar[Role]
    ROLE_MANAGER: _ClassVar[Role]
    ROLE_SUPPORT: _ClassVar[Role]
    ROLE_ADMIN: _ClassVar[Role]

class Period(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PERIOD_UNSPECIFIED: _ClassVar[Period]
    PERIOD_MONTHLY: _ClassVar[Period]
    PERIOD_WEEKLY: _ClassVar[Period]
    PERIOD_YEARLY: _ClassVar[Period]
    PERIOD_ONCE: _ClassVar[Period]

class MemberRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEMBER_ROLE_UNSPECIFIED: _ClassVar[MemberRole]
    MEMBER_ROLE_EDITOR: _ClassVar[MemberRole]
    MEMBER_ROLE_VIEWER: _ClassVar[MemberRole]

class ImportStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IMPORT_STATUS_UNSPECIFIED: _ClassVar[ImportStatus]
    IMPORT_STATUS_CREATED: _ClassVar[ImportStatus]
    IMPORT_STATUS_DUPLICATE: _ClassVar[ImportStatus]
    IMPORT_STATUS_REFUSED: _ClassVar[ImportStatus]

class OrderStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDER_STATUS_UNSPECIFIED: _ClassVar[OrderStatus]
    ORDER_STATUS_DRAFT: _ClassVar[OrderStatus]
    ORDER_STATUS_CONFIRMED: _ClassVar[OrderStatus]
    ORDER_STATUS_PAID: _ClassVar[OrderStatus]
    ORDER_STATUS_SHIPPED: _ClassVar[OrderStatus]
    ORDER_STATUS_DELIVERED: _ClassVar[OrderStatus]
    ORDER_STATUS_CANCELLED: _ClassVar[OrderStatus]

class TransactionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSACTION_KIND_UNSPECIFIED: _ClassVar[TransactionKind]
    TRANSACTION_KIND_DEBIT: _ClassVar[TransactionKind]
    TRANSACTION_KIND_CREDIT: _ClassVar[TransactionKind]

class SearchOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEARCH_ORDER_UNSPECIFIED: _ClassVar[SearchOrder]
    SEARCH_ORDER_RELEVANCE: _ClassVar[SearchOrder]
    SEARCH_ORDER_NEWEST: _ClassVar[SearchOrder]
    SEARCH_ORDER_OLDEST: _ClassVar[SearchOrder]

class SuggestField(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUGGEST_FIELD_UNSPECIFIED: _ClassVar[SuggestField]
    SUGGEST_FIELD_DESCRIPTION: _ClassVar[SuggestField]
    SUGGEST_FIELD_CATEGORY: _ClassVar[SuggestField]
    SUGGEST_FIELD_TAG: _ClassVar[SuggestField]

class SearchField(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEARCH_FIELD_UNSPECIFIED: _ClassVar[SearchField]
    SEARCH_FIELD_DESCRIPTION: _ClassVar[SearchField]
    SEARCH_FIELD_NOTE: _ClassVar[SearchField]
    SEARCH_FIELD_CATEGORY: _ClassVar[SearchField]
    SEARCH_FIELD_TAGS: _ClassVar[SearchField]

class NotificationKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOTIFICATION_KIND_UNSPECIFIED: _ClassVar[NotificationKind]
    NOTIFICATION_KIND_ANNOUNCEMENT: _ClassVar[NotificationKind]
    NOTIFICATION_KIND_THRESHOLD: _ClassVar[NotificationKind]
    NOTIFICATION_KIND_INVITATION: _ClassVar[NotificationKind]
    NOTIFICATION_KIND_TASK: _ClassVar[NotificationKind]

class TaskKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_KIND_UNSPECIFIED: _ClassVar[TaskKind]
    TASK_KIND_SEND_EMAIL: _ClassVar[TaskKind]
    TASK_KIND_EXPORT_EXPENSES: _ClassVar[TaskKind]
    TASK_KIND_REINDEX_SEARCH: _ClassVar[TaskKind]
    TASK_KIND_MONTHLY_REPORT: _ClassVar[TaskKind]

class TaskStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_STATUS_UNSPECIFIED: _ClassVar[TaskStatus]
    TASK_STATUS_QUEUED: _ClassVar[TaskStatus]
    TASK_STATUS_RUNNING: _ClassVar[TaskStatus]
    TASK_STATUS_SUCCEEDED: _ClassVar[TaskStatus]
    TASK_STATUS_FAILED: _ClassVar[TaskStatus]
    TASK_STATUS_CANCELLED: _ClassVar[TaskStatus]

class AccessLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCESS_LEVEL_UNSPECIFIED: _ClassVar[AccessLevel]
    ACCESS_LEVEL_VIEWER: _ClassVar[AccessLevel]
    ACCESS_LEVEL_EDITOR: _ClassVar[AccessLevel]
    ACCESS_LEVEL_OWNER: _ClassVar[AccessLevel]
CURRENCY_UNSPECIFIED: Currency
CURRENCY_AED: Currency
CURRENCY_AFN: Currency
CURRENCY_ALL: Currency
CURRENCY_AMD: Currency
CURRENCY_AOA: Currency
CURRENCY_ARS: Currency
CURRENCY_AUD: Currency
CURRENCY_AWG: Currency
CURRENCY_AZN: Currency
CURRENCY_BAM: Currency
CURRENCY_BBD: Currency
CURRENCY_BDT: Currency
CURRENCY_BGN: Currency
CURRENCY_BHD: Currency
CURRENCY_BIF: Currency
CURRENCY_BMD: Currency
CURRENCY_BND: Currency
CURRENCY_BOB: Currency
CURRENCY_BRL: Currency
CURRENCY_BSD: Currency
CURRENCY_BTN: Currency
CURRENCY_BWP: Currency
CURRENCY_BYN: Currency
CURRENCY_BZD: Currency
CURRENCY_CAD: Currency
CURRENCY_CDF: Currency
CURRENCY_CHF: Currency
CURRENCY_CLP: Currency
CURRENCY_CNY: Currency
CURRENCY_COP: Currency
CURRENCY_CRC: Currency
CURRENCY_CUP: Currency
CURRENCY_CVE: Currency
CURRENCY_CZK: Currency
CURRENCY_DJF: Currency
CURRENCY_DKK: Currency
CURRENCY_DOP: Currency
CURRENCY_DZD: Currency
CURRENCY_EGP: Currency
CURRENCY_ERN: Currency
CURRENCY_ETB: Currency
CURRENCY_EUR: Currency
CURRENCY_FJD: Currency
CURRENCY_FKP: Currency
CURRENCY_GBP: Currency
CURRENCY_GEL: Currency
CURRENCY_GHS: Currency
CURRENCY_GIP: Currency
CURRENCY_GMD: Currency
CURRENCY_GNF: Currency
CURRENCY_GTQ: Currency
CURRENCY_GYD: Currency
CURRENCY_HKD: Currency
CURRENCY_HNL: Currency
CURRENCY_HTG: Currency
CURRENCY_HUF: Currency
CURRENCY_IDR: Currency
CURRENCY_ILS: Currency
CURRENCY_INR: Currency
CURRENCY_IQD: Currency
CURRENCY_IRR: Currency
CURRENCY_ISK: Currency
CURRENCY_JMD: Currency
CURRENCY_JOD: Currency
CURRENCY_JPY: Currency
CURRENCY_KES: Currency
CURRENCY_KGS: Currency
CURRENCY_KHR: Currency
CURRENCY_KMF: Currency
CURRENCY_KPW: Currency
CURRENCY_KRW: Currency
CURRENCY_KWD: Currency
CURRENCY_KYD: Currency
CURRENCY_KZT: Currency
CURRENCY_LAK: Currency
CURRENCY_LBP: Currency
CURRENCY_LKR: Currency
CURRENCY_LRD: Currency
CURRENCY_LSL: Currency
CURRENCY_LYD: Currency
CURRENCY_MAD: Currency
CURRENCY_MDL: Currency
CURRENCY_MGA: Currency
CURRENCY_MKD: Currency
CURRENCY_MMK: Currency
CURRENCY_MNT: Currency
CURRENCY_MOP: Currency
CURRENCY_MRU: Currency
CURRENCY_MUR: Currency
CURRENCY_MVR: Currency
CURRENCY_MWK: Currency
CURRENCY_MXN: Currency
CURRENCY_MYR: Currency
CURRENCY_MZN: Currency
CURRENCY_NAD: Currency
CURRENCY_NGN: Currency
CURRENCY_NIO: Currency
CURRENCY_NOK: Currency
CURRENCY_NPR: Currency
CURRENCY_NZD: Currency
CURRENCY_OMR: Currency
CURRENCY_PAB: Currency
CURRENCY_PEN: Currency
CURRENCY_PGK: Currency
CURRENCY_PHP: Currency
CURRENCY_PKR: Currency
CURRENCY_PLN: Currency
CURRENCY_PYG: Currency
CURRENCY_QAR: Currency
CURRENCY_RON: Currency
CURRENCY_RSD: Currency
CURRENCY_RUB: Currency
CURRENCY_RWF: Currency
CURRENCY_SAR: Currency
CURRENCY_SBD: Currency
CURRENCY_SCR: Currency
CURRENCY_SDG: Currency
CURRENCY_SEK: Currency
CURRENCY_SGD: Currency
CURRENCY_SHP: Currency
CURRENCY_SLE: Currency
CURRENCY_SOS: Currency
CURRENCY_SRD: Currency
CURRENCY_SSP: Currency
CURRENCY_STN: Currency
CURRENCY_SVC: Currency
CURRENCY_SYP: Currency
CURRENCY_SZL: Currency
CURRENCY_THB: Currency
CURRENCY_TJS: Currency
CURRENCY_TMT: Currency
CURRENCY_TND: Currency
CURRENCY_TOP: Currency
CURRENCY_TRY: Currency
CURRENCY_TTD: Currency
CURRENCY_TWD: Currency
CURRENCY_TZS: Currency
CURRENCY_UAH: Currency
CURRENCY_UGX: Currency
CURRENCY_USD: Currency
CURRENCY_UYU: Currency
CURRENCY_UZS: Currency
CURRENCY_VED: Currency
CURRENCY_VES: Currency
CURRENCY_VND: Currency
CURRENCY_VUV: Currency
CURRENCY_WST: Currency
CURRENCY_XAF: Currency
CURRENCY_XCD: Currency
CURRENCY_XCG: Currency
CURRENCY_XOF: Currency
CURRENCY_XPF: Currency
CURRENCY_YER: Currency
CURRENCY_ZAR: Currency
CURRENCY_ZMW: Currency
CURRENCY_ZWG: Currency
ROLE_UNSPECIFIED: Role
ROLE_USER: Role
ROLE_MANAGER: Role
ROLE_SUPPORT: Role
ROLE_ADMIN: Role
PERIOD_UNSPECIFIED: Period
PERIOD_MONTHLY: Period
PERIOD_WEEKLY: Period
PERIOD_YEARLY: Period
PERIOD_ONCE: Period
MEMBER_ROLE_UNSPECIFIED: MemberRole
MEMBER_ROLE_EDITOR: MemberRole
MEMBER_ROLE_VIEWER: MemberRole
IMPORT_STATUS_UNSPECIFIED: ImportStatus
IMPORT_STATUS_CREATED: ImportStatus
IMPORT_STATUS_DUPLICATE: ImportStatus
IMPORT_STATUS_REFUSED: ImportStatus
ORDER_STATUS_UNSPECIFIED: OrderStatus
ORDER_STATUS_DRAFT: OrderStatus
ORDER_STATUS_CONFIRMED: OrderStatus
ORDER_STATUS_PAID: OrderStatus
ORDER_STATUS_SHIPPED: OrderStatus
ORDER_STATUS_DELIVERED: OrderStatus
ORDER_STATUS_CANCELLED: OrderStatus
TRANSACTION_KIND_UNSPECIFIED: TransactionKind
TRANSACTION_KIND_DEBIT: TransactionKind
TRANSACTION_KIND_CREDIT: TransactionKind
SEARCH_ORDER_UNSPECIFIED: SearchOrder
SEARCH_ORDER_RELEVANCE: SearchOrder
SEARCH_ORDER_NEWEST: SearchOrder
SEARCH_ORDER_OLDEST: SearchOrder
SUGGEST_FIELD_UNSPECIFIED: SuggestField
SUGGEST_FIELD_DESCRIPTION: SuggestField
SUGGEST_FIELD_CATEGORY: SuggestField
SUGGEST_FIELD_TAG: SuggestField
SEARCH_FIELD_UNSPECIFIED: SearchField
SEARCH_FIELD_DESCRIPTION: SearchField
SEARCH_FIELD_NOTE: SearchField
SEARCH_FIELD_CATEGORY: SearchField
SEARCH_FIELD_TAGS: SearchField
NOTIFICATION_KIND_UNSPECIFIED: NotificationKind
NOTIFICATION_KIND_ANNOUNCEMENT: NotificationKind
NOTIFICATION_KIND_THRESHOLD: NotificationKind
NOTIFICATION_KIND_INVITATION: NotificationKind
NOTIFICATION_KIND_TASK: NotificationKind
TASK_KIND_UNSPECIFIED: TaskKind
TASK_KIND_SEND_EMAIL: TaskKind
TASK_KIND_EXPORT_EXPENSES: TaskKind
TASK_KIND_REINDEX_SEARCH: TaskKind
TASK_KIND_MONTHLY_REPORT: TaskKind
TASK_STATUS_UNSPECIFIED: TaskStatus
TASK_STATUS_QUEUED: TaskStatus
TASK_STATUS_RUNNING: TaskStatus
TASK_STATUS_SUCCEEDED: TaskStatus
TASK_STATUS_FAILED: TaskStatus
TASK_STATUS_CANCELLED: TaskStatus
ACCESS_LEVEL_UNSPECIFIED: AccessLevel
ACCESS_LEVEL_VIEWER: AccessLevel
ACCESS_LEVEL_EDITOR: AccessLevel
ACCESS_LEVEL_OWNER: AccessLevel
RULE_FIELD_NUMBER: int
rule: _descriptor.FieldDescriptor
PART_OF_FIELD_NUMBER: int
part_of: _descriptor.FieldDescriptor
OPERATION_FIELD_NUMBER: int
operation: _descriptor.FieldDescriptor
INTERNAL_FIELD_NUMBER: int
internal: _descriptor.FieldDescriptor
WATCHES_FIELD_NUMBER: int
watches: _descriptor.FieldDescriptor
SENDS_FIELD_NUMBER: int
sends: _descriptor.FieldDescriptor
DEADLINE_FIELD_NUMBER: int
deadline: _descriptor.FieldDescriptor

class Rule(_message.Message):
    __slots__ = ("min_length", "max_length", "pattern", "minimum", "maximum", "min_items", "max_items", "unique_items", "format", "required")
    MIN_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    MIN_ITEMS_FIELD_NUMBER: _ClassVar[int]
    MAX_ITEMS_FIELD_NUMBER: _ClassVar[int]
    UNIQUE_ITEMS_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    min_length: int
    max_length: int
    pattern: str
    minimum: int
    maximum: int
    min_items: int
    max_items: int
    unique_items: bool
    format: str
    required: bool
    def __init__(self, min_length: _Optional[int] = ..., max_length: _Optional[int] = ..., pattern: _Optional[str] = ..., minimum: _Optional[int] = ..., maximum: _Optional[int] = ..., min_items: _Optional[int] = ..., max_items: _Optional[int] = ..., unique_items: _Optional[bool] = ..., format: _Optional[str] = ..., required: _Optional[bool] = ...) -> None: ...

class CurrencySum(_message.Message):
    __slots__ = ("currency", "amount")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    currency: Currency
    amount: str
    def __init__(self, currency: _Optional[_Union[Currency, str]] = ..., amount: _Optional[str] = ...) -> None: ...

class InputError(_message.Message):
    __slots__ = ("pointer", "code", "message")
    POINTER_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    pointer: str
    code: str
    message: str
    def __init__(self, pointer: _Optional[str] = ..., code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("type", "title", "status", "detail", "instance", "code", "request_id", "errors")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: _containers.RepeatedCompositeFieldContainer[InputError]
    def __init__(self, type: _Optional[str] = ..., title: _Optional[str] = ..., status: _Optional[int] = ..., detail: _Optional[str] = ..., instance: _Optional[str] = ..., code: _Optional[str] = ..., request_id: _Optional[str] = ..., errors: _Optional[_Iterable[_Union[InputError, _Mapping[str, object]]]] = ...) -> None: ...

class User(_message.Message):
    __slots__ = ("id", "version", "created_at", "updated_at", "email", "name", "role", "email_verified")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_VERIFIED_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    created_at: str
    updated_at: str
    email: str
    name: str
    role: Role
    email_verified: bool
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ..., email: _Optional[str] = ..., name: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., email_verified: _Optional[bool] = ...) -> None: ...

class UserPage(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[User]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[User, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("id", "version", "created_at", "updated_at", "user_id", "user_agent", "last_seen_at", "expires_at", "revoked_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    created_at: str
    updated_at: str
    user_id: str
    user_agent: str
    last_seen_at: str
    expires_at: str
    revoked_at: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ..., user_id: _Optional[str] = ..., user_agent: _Optional[str] = ..., last_seen_at: _Optional[str] = ..., expires_at: _Optional[str] = ..., revoked_at: _Optional[str] = ...) -> None: ...

class SessionPage(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Session]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[Session, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RegisterInput(_message.Message):
    __slots__ = ("email", "password", "name")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    email: str
    password: str
    name: str
    def __init__(self, email: _Optional[str] = ..., password: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class LoginInput(_message.Message):
    __slots__ = ("email", "password")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    email: str
    password: str
    def __init__(self, email: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class RefreshInput(_message.Message):
    __slots__ = ("refresh_token",)
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    refresh_token: str
    def __init__(self, refresh_token: _Optional[str] = ...) -> None: ...

class EmailInput(_message.Message):
    __slots__ = ("email",)
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    email: str
    def __init__(self, email: _Optional[str] = ...) -> None: ...

class MailedTokenInput(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class ResetPasswordInput(_message.Message):
    __slots__ = ("token", "password")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    token: str
    password: str
    def __init__(self, token: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class ChangePasswordInput(_message.Message):
    __slots__ = ("current_password", "new_password")
    CURRENT_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    NEW_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    current_password: str
    new_password: str
    def __init__(self, current_password: _Optional[str] = ..., new_password: _Optional[str] = ...) -> None: ...

class ProfileInput(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class UserRoleInput(_message.Message):
    __slots__ = ("role",)
    ROLE_FIELD_NUMBER: _ClassVar[int]
    role: Role
    def __init__(self, role: _Optional[_Union[Role, str]] = ...) -> None: ...

class Authentication(_message.Message):
    __slots__ = ("user", "access_token", "refresh_token", "token_type", "expires_in")
    USER_FIELD_NUMBER: _ClassVar[int]
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOKEN_TYPE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_FIELD_NUMBER: _ClassVar[int]
    user: User
    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    def __init__(self, user: _Optional[_Union[User, _Mapping[str, object]]] = ..., access_token: _Optional[str] = ..., refresh_token: _Optional[str] = ..., token_type: _Optional[str] = ..., expires_in: _Optional[int] = ...) -> None: ...

class SocketTicketGrant(_message.Message):
    __slots__ = ("ticket", "expires_at")
    TICKET_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ticket: str
    expires_at: str
    def __init__(self, ticket: _Optional[str] = ..., expires_at: _Optional[str] = ...) -> None: ...

class RegisterRequest(_message.Message):
    __slots__ = ("body",)
    BODY_FIELD_NUMBER: _ClassVar[int]
    body: RegisterInput
    def __init__(self, body: _Optional[_Union[RegisterInput, _Mapping[str, object]]] = ...) -> None: ...

class LoginRequest(_message.Message):
    __slots__ = ("body",)
    BODY_FIELD_NUMBER: _ClassVar[int]
    body: LoginInput
    def __init__(self, body: _Optional[_Union[LoginInput, _Mapping[str, object]]] = ...) -> None: ...

class RefreshTokensRequest(_message.Message):
    __slots__ = ("body",)
    BODY_FIELD_NUMBER: _ClassVar[int]
    body: RefreshInput
    def __init__(self, body: _Optional[_Union[RefreshInput, _Mapping[str, object]]] = ...) -> None: ...

class LogoutRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LogoutResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class VerifyEmailRequest(_message.Message):
    __slots__ = ("body",)
    BODY_FIELD_NUMBER: _ClassVar[int]
    body: MailedTokenInput
    def __init__(self, body: _Optional[_Union[MailedTokenInput, _Mapping[str, object]]] = ...) -> None: ...

class VerifyEmailResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResendVerificationRequest(_message.Message):
    __slots__ = ("body",)
    BODY_FIELD_NUMBER: _ClassVar[int]
    body: EmailInput
    def __init__(self, body: _Optional[_Union[EmailInput, _Mapping[str, object]]] = ...) -> None: ...

class ResendVerificationResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ForgotPasswordRequest(_message.Message):
    __slots__ = ("body",)
    BODY_FIELD_NUMBER: _ClassVar[int]
    body: EmailInput
    def __init__(self, body: _Optional[_Union[EmailInput, _Mapping[str, object]]] = ...) -> None: ...

class ForgotPasswordResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResetPasswordRequest(_message.Message):
    __slots__ = ("body",)
    BODY_FIELD_NUMBER: _ClassVar[int]
    body: ResetPasswordInput
    def __init__(self, body: _Optional[_Union[ResetPasswordInput, _Mapping[str, object]]] = ...) -> None: ...

class ResetPasswordResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ChangePasswordRequest(_message.Message):
    __slots__ = ("body",)
    BODY_FIELD_NUMBER: _ClassVar[int]
    body: ChangePasswordInput
    def __init__(self, body: _Optional[_Union[ChangePasswordInput, _Mapping[str, object]]] = ...) -> None: ...

class GetProfileRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UpdateProfileRequest(_message.Message):
    __slots__ = ("body", "version")
    BODY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    body: ProfileInput
    version: int
    def __init__(self, body: _Optional[_Union[ProfileInput, _Mapping[str, object]]] = ..., version: _Optional[int] = ...) -> None: ...

class DeleteAccountRequest(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class DeleteAccountResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "sort")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    sort: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., sort: _Optional[str] = ...) -> None: ...

class RevokeSessionRequest(_message.Message):
    __slots__ = ("id", "version")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class RevokeSessionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CreateSocketTicketRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListUsersRequest(_message.Message):
    __slots__ = ("role", "email", "page_size", "page_token", "sort")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    role: Role
    email: str
    page_size: int
    page_token: str
    sort: str
    def __init__(self, role: _Optional[_Union[Role, str]] = ..., email: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., sort: _Optional[str] = ...) -> None: ...

class GetUserRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class SetUserRoleRequest(_message.Message):
    __slots__ = ("id", "body", "version")
    ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    body: UserRoleInput
    version: int
    def __init__(self, id: _Optional[str] = ..., body: _Optional[_Union[UserRoleInput, _Mapping[str, object]]] = ..., version: _Optional[int] = ...) -> None: ...

class BudgetMember(_message.Message):
    __slots__ = ("user_id", "role")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    role: MemberRole
    def __init__(self, user_id: _Optional[str] = ..., role: _Optional[_Union[MemberRole, str]] = ...) -> None: ...

class BudgetMemberList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[BudgetMember]
    def __init__(self, items: _Optional[_Iterable[_Union[BudgetMember, _Mapping[str, object]]]] = ...) -> None: ...

class Budget(_message.Message):
    __slots__ = ("id", "version", "created_at", "updated_at", "owner_id", "name", "limit", "currency", "period", "starts_on", "ends_on", "spent", "members")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    STARTS_ON_FIELD_NUMBER: _ClassVar[int]
    ENDS_ON_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    created_at: str
    updated_at: str
    owner_id: str
    name: str
    limit: str
    currency: Currency
    period: Period
    starts_on: str
    ends_on: str
    spent: str
    members: _containers.RepeatedCompositeFieldContainer[BudgetMember]
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ..., owner_id: _Optional[str] = ..., name: _Optional[str] = ..., limit: _Optional[str] = ..., currency: _Optional[_Union[Currency, str]] = ..., period: _Optional[_Union[Period, str]] = ..., starts_on: _Optional[str] = ..., ends_on: _Optional[str] = ..., spent: _Optional[str] = ..., members: _Optional[_Iterable[_Union[BudgetMember, _Mapping[str, object]]]] = ...) -> None: ...

class BudgetPage(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Budget]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[Budget, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class BudgetInput(_message.Message):
    __slots__ = ("name", "limit", "currency", "period", "starts_on", "ends_on")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    STARTS_ON_FIELD_NUMBER: _ClassVar[int]
    ENDS_ON_FIELD_NUMBER: _ClassVar[int]
    name: str
    limit: str
    currency: Currency
    period: Period
    starts_on: str
    ends_on: str
    def __init__(self, name: _Optional[str] = ..., limit: _Optional[str] = ..., currency: _Optional[_Union[Currency, str]] = ..., period: _Optional[_Union[Period, str]] = ..., starts_on: _Optional[str] = ..., ends_on: _Optional[str] = ...) -> None: ...

class BudgetMemberInput(_message.Message):
    __slots__ = ("role",)
    ROLE_FIELD_NUMBER: _ClassVar[int]
    role: MemberRole
    def __init__(self, role: _Optional[_Union[MemberRole, str]] = ...) -> None: ...

class InvitationInput(_message.Message):
    __slots__ = ("email", "role")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    email: str
    role: MemberRole
    def __init__(self, email: _Optional[str] = ..., role: _Optional[_Union[MemberRole, str]] = ...) -> None: ...

class AcceptInvitationInput(_message.Message):
    __slots__ = ("token", "invitation_id")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    INVITATION_ID_FIELD_NUMBER: _ClassVar[int]
    token: str
    invitation_id: str
    def __init__(self, token: _Optional[str] = ..., invitation_id: _Optional[str] = ...) -> None: ...

class CategorySpending(_message.Message):
    __slots__ = ("category", "amount", "count", "percent")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    category: str
    amount: str
    count: int
    percent: float
    def __init__(self, category: _Optional[str] = ..., amount: _Optional[str] = ..., count: _Optional[int] = ..., percent: _Optional[float] = ...) -> None: ...

class MonthSpending(_message.Message):
    __slots__ = ("month", "amount", "count")
    MONTH_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    month: str
    amount: str
    count: int
    def __init__(self, month: _Optional[str] = ..., amount: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class BudgetPace(_message.Message):
    __slots__ = ("days_elapsed", "days_left", "daily_average", "daily_allowance", "projected", "on_track")
    DAYS_ELAPSED_FIELD_NUMBER: _ClassVar[int]
    DAYS_LEFT_FIELD_NUMBER: _ClassVar[int]
    DAILY_AVERAGE_FIELD_NUMBER: _ClassVar[int]
    DAILY_ALLOWANCE_FIELD_NUMBER: _ClassVar[int]
    PROJECTED_FIELD_NUMBER: _ClassVar[int]
    ON_TRACK_FIELD_NUMBER: _ClassVar[int]
    days_elapsed: int
    days_left: int
    daily_average: str
    daily_allowance: str
    projected: str
    on_track: bool
    def __init__(self, days_elapsed: _Optional[int] = ..., days_left: _Optional[int] = ..., daily_average: _Optional[str] = ..., daily_allowance: _Optional[str] = ..., projected: _Optional[str] = ..., on_track: _Optional[bool] = ...) -> None: ...

class BudgetSummary(_message.Message):
    __slots__ = ("budget_id", "currency", "period_start", "period_end", "limit", "spent", "remaining", "percent", "by_category", "by_month", "pace")
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    PERIOD_START_FIELD_NUMBER: _ClassVar[int]
    PERIOD_END_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    BY_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    BY_MONTH_FIELD_NUMBER: _ClassVar[int]
    PACE_FIELD_NUMBER: _ClassVar[int]
    budget_id: str
    currency: Currency
    period_start: str
    period_end: str
    limit: str
    spent: str
    remaining: str
    percent: float
    by_category: _containers.RepeatedCompositeFieldContainer[CategorySpending]
    by_month: _containers.RepeatedCompositeFieldContainer[MonthSpending]
    pace: BudgetPace
    def __init__(self, budget_id: _Optional[str] = ..., currency: _Optional[_Union[Currency, str]] = ..., period_start: _Optional[str] = ..., period_end: _Optional[str] = ..., limit: _Optional[str] = ..., spent: _Optional[str] = ..., remaining: _Optional[str] = ..., percent: _Optional[float] = ..., by_category: _Optional[_Iterable[_Union[CategorySpending, _Mapping[str, object]]]] = ..., by_month: _Optional[_Iterable[_Union[MonthSpending, _Mapping[str, object]]]] = ..., pace: _Optional[_Union[BudgetPace, _Mapping[str, object]]] = ...) -> None: ...

class ListBudgetsRequest(_message.Message):
    __slots__ = ("period", "currency", "page_size", "page_token", "sort")
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    period: Period
    currency: Currency
    page_size: int
    page_token: str
    sort: str
    def __init__(self, period: _Optional[_Union[Period, str]] = ..., currency: _Optional[_Union[Currency, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., sort: _Optional[str] = ...) -> None: ...

class CreateBudgetRequest(_message.Message):
    __slots__ = ("body", "idempotency_key")
    BODY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    body: BudgetInput
    idempotency_key: str
    def __init__(self, body: _Optional[_Union[BudgetInput, _Mapping[str, object]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class GetBudgetRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class UpdateBudgetRequest(_message.Message):
    __slots__ = ("id", "body", "version", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    body: BudgetInput
    version: int
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., body: _Optional[_Union[BudgetInput, _Mapping[str, object]]] = ..., version: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteBudgetRequest(_message.Message):
    __slots__ = ("id", "version", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteBudgetResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetBudgetSummaryRequest(_message.Message):
    __slots__ = ("id", "day")
    ID_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    id: str
    day: str
    def __init__(self, id: _Optional[str] = ..., day: _Optional[str] = ...) -> None: ...

class ListBudgetMembersRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class SetBudgetMemberRequest(_message.Message):
    __slots__ = ("id", "user_id", "body", "version", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    user_id: str
    body: BudgetMemberInput
    version: int
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., user_id: _Optional[str] = ..., body: _Optional[_Union[BudgetMemberInput, _Mapping[str, object]]] = ..., version: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class RemoveBudgetMemberRequest(_message.Message):
    __slots__ = ("id", "user_id", "version", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    user_id: str
    version: int
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., user_id: _Optional[str] = ..., version: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class RemoveBudgetMemberResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class InviteToBudgetRequest(_message.Message):
    __slots__ = ("id", "body", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    body: InvitationInput
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., body: _Optional[_Union[InvitationInput, _Mapping[str, object]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class InviteToBudgetResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AcceptInvitationRequest(_message.Message):
    __slots__ = ("body", "idempotency_key")
    BODY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    body: AcceptInvitationInput
    idempotency_key: str
    def __init__(self, body: _Optional[_Union[AcceptInvitationInput, _Mapping[str, object]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class WatchBudgetRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class Expense(_message.Message):
    __slots__ = ("id", "version", "created_at", "updated_at", "budget_id", "owner_id", "description", "amount", "currency", "category", "spent_on", "tags", "note", "external_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    SPENT_ON_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    created_at: str
    updated_at: str
    budget_id: str
    owner_id: str
    description: str
    amount: str
    currency: Currency
    category: str
    spent_on: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    note: str
    external_id: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ..., budget_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., description: _Optional[str] = ..., amount: _Optional[str] = ..., currency: _Optional[_Union[Currency, str]] = ..., category: _Optional[str] = ..., spent_on: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., note: _Optional[str] = ..., external_id: _Optional[str] = ...) -> None: ...

class ExpensePage(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Expense]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[Expense, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ExpenseInput(_message.Message):
    __slots__ = ("budget_id", "description", "amount", "category", "currency", "spent_on", "tags", "note", "external_id")
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    SPENT_ON_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    budget_id: str
    description: str
    amount: str
    category: str
    currency: Currency
    spent_on: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    note: str
    external_id: str
    def __init__(self, budget_id: _Optional[str] = ..., description: _Optional[str] = ..., amount: _Optional[str] = ..., category: _Optional[str] = ..., currency: _Optional[_Union[Currency, str]] = ..., spent_on: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., note: _Optional[str] = ..., external_id: _Optional[str] = ...) -> None: ...

class ExpenseUpdate(_message.Message):
    __slots__ = ("description", "amount", "category", "currency", "spent_on", "tags", "note", "external_id")
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    SPENT_ON_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    description: str
    amount: str
    category: str
    currency: Currency
    spent_on: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    note: str
    external_id: str
    def __init__(self, description: _Optional[str] = ..., amount: _Optional[str] = ..., category: _Optional[str] = ..., currency: _Optional[_Union[Currency, str]] = ..., spent_on: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., note: _Optional[str] = ..., external_id: _Optional[str] = ...) -> None: ...

class ImportRow(_message.Message):
    __slots__ = ("row", "status", "id", "errors")
    ROW_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    row: int
    status: ImportStatus
    id: str
    errors: _containers.RepeatedCompositeFieldContainer[InputError]
    def __init__(self, row: _Optional[int] = ..., status: _Optional[_Union[ImportStatus, str]] = ..., id: _Optional[str] = ..., errors: _Optional[_Iterable[_Union[InputError, _Mapping[str, object]]]] = ...) -> None: ...

class ImportReport(_message.Message):
    __slots__ = ("dry_run", "created", "duplicates", "refused", "rows")
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    dry_run: bool
    created: int
    duplicates: int
    refused: int
    rows: _containers.RepeatedCompositeFieldContainer[ImportRow]
    def __init__(self, dry_run: _Optional[bool] = ..., created: _Optional[int] = ..., duplicates: _Optional[int] = ..., refused: _Optional[int] = ..., rows: _Optional[_Iterable[_Union[ImportRow, _Mapping[str, object]]]] = ...) -> None: ...

class ListExpensesRequest(_message.Message):
    __slots__ = ("budget_id", "currency", "category", "tag", "to", "page_size", "page_token", "sort")
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    budget_id: str
    currency: Currency
    category: str
    tag: str
    to: str
    page_size: int
    page_token: str
    sort: str
    def __init__(self, budget_id: _Optional[str] = ..., currency: _Optional[_Union[Currency, str]] = ..., category: _Optional[str] = ..., tag: _Optional[str] = ..., to: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., sort: _Optional[str] = ..., **kwargs: object) -> None: ...

class CreateExpenseRequest(_message.Message):
    __slots__ = ("body", "idempotency_key")
    BODY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    body: ExpenseInput
    idempotency_key: str
    def __init__(self, body: _Optional[_Union[ExpenseInput, _Mapping[str, object]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ListExpensesByBudgetRequest(_message.Message):
    __slots__ = ("id", "category", "tag", "to", "page_size", "page_token", "sort")
    ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    id: str
    category: str
    tag: str
    to: str
    page_size: int
    page_token: str
    sort: str
    def __init__(self, id: _Optional[str] = ..., category: _Optional[str] = ..., tag: _Optional[str] = ..., to: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., sort: _Optional[str] = ..., **kwargs: object) -> None: ...

class UpdateExpenseRequest(_message.Message):
    __slots__ = ("id", "body", "version", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    body: ExpenseUpdate
    version: int
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., body: _Optional[_Union[ExpenseUpdate, _Mapping[str, object]]] = ..., version: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteExpenseRequest(_message.Message):
    __slots__ = ("id", "version", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteExpenseResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetExpenseRequest(_message.Message):
    __slots__ = ("budget_id", "id")
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    budget_id: str
    id: str
    def __init__(self, budget_id: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class ExportExpensesRequest(_message.Message):
    __slots__ = ("budget_id", "to")
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    budget_id: str
    to: str
    def __init__(self, budget_id: _Optional[str] = ..., to: _Optional[str] = ..., **kwargs: object) -> None: ...

class ImportStart(_message.Message):
    __slots__ = ("budget_id", "dry_run", "idempotency_key")
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    budget_id: str
    dry_run: bool
    idempotency_key: str
    def __init__(self, budget_id: _Optional[str] = ..., dry_run: _Optional[bool] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ImportExpensesRequest(_message.Message):
    __slots__ = ("start", "row")
    START_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    start: ImportStart
    row: ExpenseUpdate
    def __init__(self, start: _Optional[_Union[ImportStart, _Mapping[str, object]]] = ..., row: _Optional[_Union[ExpenseUpdate, _Mapping[str, object]]] = ...) -> None: ...

class Customer(_message.Message):
    __slots__ = ("id", "version", "created_at", "updated_at", "name", "email", "phone", "address")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    created_at: str
    updated_at: str
    name: str
    email: str
    phone: str
    address: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ..., name: _Optional[str] = ..., email: _Optional[str] = ..., phone: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class CustomerPage(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Customer]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[Customer, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CustomerInput(_message.Message):
    __slots__ = ("name", "email", "phone", "address")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    email: str
    phone: str
    address: str
    def __init__(self, name: _Optional[str] = ..., email: _Optional[str] = ..., phone: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class ListCustomersRequest(_message.Message):
    __slots__ = ("email", "page_size", "page_token", "sort")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    email: str
    page_size: int
    page_token: str
    sort: str
    def __init__(self, email: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., sort: _Optional[str] = ...) -> None: ...

class CreateCustomerRequest(_message.Message):
    __slots__ = ("body", "idempotency_key")
    BODY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    body: CustomerInput
    idempotency_key: str
    def __init__(self, body: _Optional[_Union[CustomerInput, _Mapping[str, object]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class GetCustomerRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class UpdateCustomerRequest(_message.Message):
    __slots__ = ("id", "body", "version", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    body: CustomerInput
    version: int
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., body: _Optional[_Union[CustomerInput, _Mapping[str, object]]] = ..., version: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteCustomerRequest(_message.Message):
    __slots__ = ("id", "version", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteCustomerResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCustomerOrdersRequest(_message.Message):
    __slots__ = ("id", "status", "page_size", "page_token", "sort")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    id: str
    status: OrderStatus
    page_size: int
    page_token: str
    sort: str
    def __init__(self, id: _Optional[str] = ..., status: _Optional[_Union[OrderStatus, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., sort: _Optional[str] = ...) -> None: ...

class OrderLine(_message.Message):
    __slots__ = ("product", "quantity", "unit_price")
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    UNIT_PRICE_FIELD_NUMBER: _ClassVar[int]
    product: str
    quantity: int
    unit_price: str
    def __init__(self, product: _Optional[str] = ..., quantity: _Optional[int] = ..., unit_price: _Optional[str] = ...) -> None: ...

class Order(_message.Message):
    __slots__ = ("id", "version", "created_at", "updated_at", "owner_id", "customer_id", "lines", "currency", "total", "status")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    created_at: str
    updated_at: str
    owner_id: str
    customer_id: str
    lines: _containers.RepeatedCompositeFieldContainer[OrderLine]
    currency: Currency
    total: str
    status: OrderStatus
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ..., owner_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., lines: _Optional[_Iterable[_Union[OrderLine, _Mapping[str, object]]]] = ..., currency: _Optional[_Union[Currency, str]] = ..., total: _Optional[str] = ..., status: _Optional[_Union[OrderStatus, str]] = ...) -> None: ...

class OrderPage(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Order]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[Order, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class OrderInput(_message.Message):
    __slots__ = ("customer_id", "lines", "currency")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    lines: _containers.RepeatedCompositeFieldContainer[OrderLine]
    currency: Currency
    def __init__(self, customer_id: _Optional[str] = ..., lines: _Optional[_Iterable[_Union[OrderLine, _Mapping[str, object]]]] = ..., currency: _Optional[_Union[Currency, str]] = ...) -> None: ...

class OrderStatusInput(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: OrderStatus
    def __init__(self, status: _Optional[_Union[OrderStatus, str]] = ...) -> None: ...

class ListOrdersRequest(_message.Message):
    __slots__ = ("customer_id", "status", "currency", "page_size", "page_token", "sort")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    status: OrderStatus
    currency: Currency
    page_size: int
    page_token: str
    sort: str
    def __init__(self, customer_id: _Optional[str] = ..., status: _Optional[_Union[OrderStatus, str]] = ..., currency: _Optional[_Union[Currency, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., sort: _Optional[str] = ...) -> None: ...

class CreateOrderRequest(_message.Message):
    __slots__ = ("body", "idempotency_key")
    BODY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    body: OrderInput
    idempotency_key: str
    def __init__(self, body: _Optional[_Union[OrderInput, _Mapping[str, object]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class GetOrderRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class UpdateOrderRequest(_message.Message):
    __slots__ = ("id", "body", "version", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    body: OrderInput
    version: int
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., body: _Optional[_Union[OrderInput, _Mapping[str, object]]] = ..., version: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteOrderRequest(_message.Message):
    __slots__ = ("id", "version", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteOrderResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CancelOrderRequest(_message.Message):
    __slots__ = ("id", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class SetOrderStatusRequest(_message.Message):
    __slots__ = ("id", "body", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    body: OrderStatusInput
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., body: _Optional[_Union[OrderStatusInput, _Mapping[str, object]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class Transaction(_message.Message):
    __slots__ = ("id", "version", "created_at", "updated_at", "owner_id", "kind", "amount", "currency", "description", "order_id", "budget_id", "reversal_of")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    REVERSAL_OF_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    created_at: str
    updated_at: str
    owner_id: str
    kind: TransactionKind
    amount: str
    currency: Currency
    description: str
    order_id: str
    budget_id: str
    reversal_of: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ..., owner_id: _Optional[str] = ..., kind: _Optional[_Union[TransactionKind, str]] = ..., amount: _Optional[str] = ..., currency: _Optional[_Union[Currency, str]] = ..., description: _Optional[str] = ..., order_id: _Optional[str] = ..., budget_id: _Optional[str] = ..., reversal_of: _Optional[str] = ...) -> None: ...

class TransactionPage(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Transaction]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[Transaction, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class TransactionInput(_message.Message):
    __slots__ = ("kind", "amount", "currency", "description", "budget_id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    kind: TransactionKind
    amount: str
    currency: Currency
    description: str
    budget_id: str
    def __init__(self, kind: _Optional[_Union[TransactionKind, str]] = ..., amount: _Optional[str] = ..., currency: _Optional[_Union[Currency, str]] = ..., description: _Optional[str] = ..., budget_id: _Optional[str] = ...) -> None: ...

class CurrencyBalance(_message.Message):
    __slots__ = ("currency", "credit", "debit", "balance")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    DEBIT_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    currency: Currency
    credit: str
    debit: str
    balance: str
    def __init__(self, currency: _Optional[_Union[Currency, str]] = ..., credit: _Optional[str] = ..., debit: _Optional[str] = ..., balance: _Optional[str] = ...) -> None: ...

class Balance(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[CurrencyBalance]
    def __init__(self, items: _Optional[_Iterable[_Union[CurrencyBalance, _Mapping[str, object]]]] = ...) -> None: ...

class ListTransactionsRequest(_message.Message):
    __slots__ = ("kind", "currency", "budget_id", "order_id", "page_size", "page_token", "sort")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    kind: TransactionKind
    currency: Currency
    budget_id: str
    order_id: str
    page_size: int
    page_token: str
    sort: str
    def __init__(self, kind: _Optional[_Union[TransactionKind, str]] = ..., currency: _Optional[_Union[Currency, str]] = ..., budget_id: _Optional[str] = ..., order_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., sort: _Optional[str] = ...) -> None: ...

class CreateTransactionRequest(_message.Message):
    __slots__ = ("body", "idempotency_key")
    BODY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    body: TransactionInput
    idempotency_key: str
    def __init__(self, body: _Optional[_Union[TransactionInput, _Mapping[str, object]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class GetBalanceRequest(_message.Message):
    __slots__ = ("currency",)
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    currency: Currency
    def __init__(self, currency: _Optional[_Union[Currency, str]] = ...) -> None: ...

class GetTransactionRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ReverseTransactionRequest(_message.Message):
    __slots__ = ("id", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ExpenseQuery(_message.Message):
    __slots__ = ("text", "fuzzy", "budget_id", "categories", "tags", "currency", "min_amount", "max_amount", "to", "order", "page_size", "page_token")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FUZZY_FIELD_NUMBER: _ClassVar[int]
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    MIN_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    text: str
    fuzzy: bool
    budget_id: str
    categories: _containers.RepeatedScalarFieldContainer[str]
    tags: _containers.RepeatedScalarFieldContainer[str]
    currency: Currency
    min_amount: str
    max_amount: str
    to: str
    order: SearchOrder
    page_size: int
    page_token: str
    def __init__(self, text: _Optional[str] = ..., fuzzy: _Optional[bool] = ..., budget_id: _Optional[str] = ..., categories: _Optional[_Iterable[str]] = ..., tags: _Optional[_Iterable[str]] = ..., currency: _Optional[_Union[Currency, str]] = ..., min_amount: _Optional[str] = ..., max_amount: _Optional[str] = ..., to: _Optional[str] = ..., order: _Optional[_Union[SearchOrder, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., **kwargs: object) -> None: ...

class Highlight(_message.Message):
    __slots__ = ("field", "fragment")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    FRAGMENT_FIELD_NUMBER: _ClassVar[int]
    field: SearchField
    fragment: str
    def __init__(self, field: _Optional[_Union[SearchField, str]] = ..., fragment: _Optional[str] = ...) -> None: ...

class ExpenseHit(_message.Message):
    __slots__ = ("expense", "highlights")
    EXPENSE_FIELD_NUMBER: _ClassVar[int]
    HIGHLIGHTS_FIELD_NUMBER: _ClassVar[int]
    expense: Expense
    highlights: _containers.RepeatedCompositeFieldContainer[Highlight]
    def __init__(self, expense: _Optional[_Union[Expense, _Mapping[str, object]]] = ..., highlights: _Optional[_Iterable[_Union[Highlight, _Mapping[str, object]]]] = ...) -> None: ...

class CategoryFacet(_message.Message):
    __slots__ = ("category", "count", "sums")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SUMS_FIELD_NUMBER: _ClassVar[int]
    category: str
    count: int
    sums: _containers.RepeatedCompositeFieldContainer[CurrencySum]
    def __init__(self, category: _Optional[str] = ..., count: _Optional[int] = ..., sums: _Optional[_Iterable[_Union[CurrencySum, _Mapping[str, object]]]] = ...) -> None: ...

class MonthFacet(_message.Message):
    __slots__ = ("month", "count", "sums")
    MONTH_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SUMS_FIELD_NUMBER: _ClassVar[int]
    month: str
    count: int
    sums: _containers.RepeatedCompositeFieldContainer[CurrencySum]
    def __init__(self, month: _Optional[str] = ..., count: _Optional[int] = ..., sums: _Optional[_Iterable[_Union[CurrencySum, _Mapping[str, object]]]] = ...) -> None: ...

class ExpenseSearchResult(_message.Message):
    __slots__ = ("items", "total", "by_category", "by_month", "sums", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    BY_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    BY_MONTH_FIELD_NUMBER: _ClassVar[int]
    SUMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[ExpenseHit]
    total: int
    by_category: _containers.RepeatedCompositeFieldContainer[CategoryFacet]
    by_month: _containers.RepeatedCompositeFieldContainer[MonthFacet]
    sums: _containers.RepeatedCompositeFieldContainer[CurrencySum]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[ExpenseHit, _Mapping[str, object]]]] = ..., total: _Optional[int] = ..., by_category: _Optional[_Iterable[_Union[CategoryFacet, _Mapping[str, object]]]] = ..., by_month: _Optional[_Iterable[_Union[MonthFacet, _Mapping[str, object]]]] = ..., sums: _Optional[_Iterable[_Union[CurrencySum, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SuggestionList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, items: _Optional[_Iterable[str]] = ...) -> None: ...

class SearchExpensesRequest(_message.Message):
    __slots__ = ("body",)
    BODY_FIELD_NUMBER: _ClassVar[int]
    body: ExpenseQuery
    def __init__(self, body: _Optional[_Union[ExpenseQuery, _Mapping[str, object]]] = ...) -> None: ...

class SuggestExpensesRequest(_message.Message):
    __slots__ = ("text", "field", "limit")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    text: str
    field: SuggestField
    limit: int
    def __init__(self, text: _Optional[str] = ..., field: _Optional[_Union[SuggestField, str]] = ..., limit: _Optional[int] = ...) -> None: ...

class ReindexSearchRequest(_message.Message):
    __slots__ = ("idempotency_key",)
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    idempotency_key: str
    def __init__(self, idempotency_key: _Optional[str] = ...) -> None: ...

class Notification(_message.Message):
    __slots__ = ("id", "version", "created_at", "updated_at", "user_id", "kind", "title", "body", "subject_id", "read_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    READ_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    created_at: str
    updated_at: str
    user_id: str
    kind: NotificationKind
    title: str
    body: str
    subject_id: str
    read_at: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ..., user_id: _Optional[str] = ..., kind: _Optional[_Union[NotificationKind, str]] = ..., title: _Optional[str] = ..., body: _Optional[str] = ..., subject_id: _Optional[str] = ..., read_at: _Optional[str] = ...) -> None: ...

class NotificationPage(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Notification]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[Notification, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class NotificationInput(_message.Message):
    __slots__ = ("user_id", "title", "body")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    title: str
    body: str
    def __init__(self, user_id: _Optional[str] = ..., title: _Optional[str] = ..., body: _Optional[str] = ...) -> None: ...

class ReadAllResult(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class ChatMessage(_message.Message):
    __slots__ = ("id", "version", "created_at", "updated_at", "room", "author_id", "text")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    created_at: str
    updated_at: str
    room: str
    author_id: str
    text: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ..., room: _Optional[str] = ..., author_id: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class ChatMessagePage(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[ChatMessage]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[ChatMessage, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ChatMessageInput(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class ListNotificationsRequest(_message.Message):
    __slots__ = ("kind", "unread", "page_size", "page_token", "sort")
    KIND_FIELD_NUMBER: _ClassVar[int]
    UNREAD_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    kind: NotificationKind
    unread: bool
    page_size: int
    page_token: str
    sort: str
    def __init__(self, kind: _Optional[_Union[NotificationKind, str]] = ..., unread: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., sort: _Optional[str] = ...) -> None: ...

class SendNotificationRequest(_message.Message):
    __slots__ = ("body", "idempotency_key")
    BODY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    body: NotificationInput
    idempotency_key: str
    def __init__(self, body: _Optional[_Union[NotificationInput, _Mapping[str, object]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class MarkAllNotificationsReadRequest(_message.Message):
    __slots__ = ("idempotency_key",)
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    idempotency_key: str
    def __init__(self, idempotency_key: _Optional[str] = ...) -> None: ...

class StreamNotificationsRequest(_message.Message):
    __slots__ = ("last_event_id",)
    LAST_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    last_event_id: str
    def __init__(self, last_event_id: _Optional[str] = ...) -> None: ...

class MarkNotificationReadRequest(_message.Message):
    __slots__ = ("id", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteNotificationRequest(_message.Message):
    __slots__ = ("id", "version", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteNotificationResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListChatMessagesRequest(_message.Message):
    __slots__ = ("room", "page_size", "page_token", "sort")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    room: str
    page_size: int
    page_token: str
    sort: str
    def __init__(self, room: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., sort: _Optional[str] = ...) -> None: ...

class SendChatMessageRequest(_message.Message):
    __slots__ = ("room", "body", "idempotency_key")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    room: str
    body: ChatMessageInput
    idempotency_key: str
    def __init__(self, room: _Optional[str] = ..., body: _Optional[_Union[ChatMessageInput, _Mapping[str, object]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ChatRequest(_message.Message):
    __slots__ = ("room", "body", "idempotency_key")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    room: str
    body: ChatMessageInput
    idempotency_key: str
    def __init__(self, room: _Optional[str] = ..., body: _Optional[_Union[ChatMessageInput, _Mapping[str, object]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class TaskParameters(_message.Message):
    __slots__ = ("budget_id", "to", "month", "recipient", "subject", "text")
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    MONTH_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    budget_id: str
    to: str
    month: str
    recipient: str
    subject: str
    text: str
    def __init__(self, budget_id: _Optional[str] = ..., to: _Optional[str] = ..., month: _Optional[str] = ..., recipient: _Optional[str] = ..., subject: _Optional[str] = ..., text: _Optional[str] = ..., **kwargs: object) -> None: ...

class Task(_message.Message):
    __slots__ = ("id", "version", "created_at", "updated_at", "owner_id", "kind", "input", "status", "progress", "attempts", "result", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    created_at: str
    updated_at: str
    owner_id: str
    kind: TaskKind
    input: TaskParameters
    status: TaskStatus
    progress: int
    attempts: int
    result: str
    error: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., created_at: _Optional[str] = ..., updated_at: _Optional[str] = ..., owner_id: _Optional[str] = ..., kind: _Optional[_Union[TaskKind, str]] = ..., input: _Optional[_Union[TaskParameters, _Mapping[str, object]]] = ..., status: _Optional[_Union[TaskStatus, str]] = ..., progress: _Optional[int] = ..., attempts: _Optional[int] = ..., result: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class TaskPage(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Task]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[Task, _Mapping[str, object]]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class TaskInput(_message.Message):
    __slots__ = ("kind", "input")
    KIND_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    kind: TaskKind
    input: TaskParameters
    def __init__(self, kind: _Optional[_Union[TaskKind, str]] = ..., input: _Optional[_Union[TaskParameters, _Mapping[str, object]]] = ...) -> None: ...

class ListTasksRequest(_message.Message):
    __slots__ = ("kind", "status", "page_size", "page_token", "sort")
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    kind: TaskKind
    status: TaskStatus
    page_size: int
    page_token: str
    sort: str
    def __init__(self, kind: _Optional[_Union[TaskKind, str]] = ..., status: _Optional[_Union[TaskStatus, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., sort: _Optional[str] = ...) -> None: ...

class CreateTaskRequest(_message.Message):
    __slots__ = ("body", "idempotency_key")
    BODY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    body: TaskInput
    idempotency_key: str
    def __init__(self, body: _Optional[_Union[TaskInput, _Mapping[str, object]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class GetTaskRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class CancelTaskRequest(_message.Message):
    __slots__ = ("id", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class RetryTaskRequest(_message.Message):
    __slots__ = ("id", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class BudgetAccess(_message.Message):
    __slots__ = ("budget_id", "owner_id", "level", "currency", "currency_fixed", "name")
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIXED_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    budget_id: str
    owner_id: str
    level: AccessLevel
    currency: Currency
    currency_fixed: bool
    name: str
    def __init__(self, budget_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., level: _Optional[_Union[AccessLevel, str]] = ..., currency: _Optional[_Union[Currency, str]] = ..., currency_fixed: _Optional[bool] = ..., name: _Optional[str] = ...) -> None: ...

class BudgetAccessList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[BudgetAccess]
    def __init__(self, items: _Optional[_Iterable[_Union[BudgetAccess, _Mapping[str, object]]]] = ...) -> None: ...

class ResolveBudgetAccessRequest(_message.Message):
    __slots__ = ("user_id", "budget_id", "role")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    budget_id: str
    role: Role
    def __init__(self, user_id: _Optional[str] = ..., budget_id: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ...) -> None: ...

class FixBudgetCurrencyRequest(_message.Message):
    __slots__ = ("budget_id",)
    BUDGET_ID_FIELD_NUMBER: _ClassVar[int]
    budget_id: str
    def __init__(self, budget_id: _Optional[str] = ...) -> None: ...

class BudgetCurrency(_message.Message):
    __slots__ = ("currency",)
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    currency: Currency
    def __init__(self, currency: _Optional[_Union[Currency, str]] = ...) -> None: ...

class SessionState(_message.Message):
    __slots__ = ("session_id", "user_id", "role", "email_verified", "expires_at")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_VERIFIED_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    user_id: str
    role: Role
    email_verified: bool
    expires_at: str
    def __init__(self, session_id: _Optional[str] = ..., user_id: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., email_verified: _Optional[bool] = ..., expires_at: _Optional[str] = ...) -> None: ...

class RedeemSocketTicketRequest(_message.Message):
    __slots__ = ("ticket",)
    TICKET_FIELD_NUMBER: _ClassVar[int]
    ticket: str
    def __init__(self, ticket: _Optional[str] = ...) -> None: ...

class CheckSessionRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class DescribeAccountRequest(_message.Message):
    __slots__ = ("user_id",)
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    def __init__(self, user_id: _Optional[str] = ...) -> None: ...

class AccountIdentity(_message.Message):
    __slots__ = ("user_id", "email", "role", "email_verified")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_VERIFIED_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    email: str
    role: Role
    email_verified: bool
    def __init__(self, user_id: _Optional[str] = ..., email: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., email_verified: _Optional[bool] = ...) -> None: ...

class FindExpensesRequest(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ScanExpensesRequest(_message.Message):
    __slots__ = ("after",)
    AFTER_FIELD_NUMBER: _ClassVar[int]
    after: str
    def __init__(self, after: _Optional[str] = ...) -> None: ...

class ExpenseList(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Expense]
    def __init__(self, items: _Optional[_Iterable[_Union[Expense, _Mapping[str, object]]]] = ...) -> None: ...

class QueueTaskRequest(_message.Message):
    __slots__ = ("owner_id", "kind", "input")
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    owner_id: str
    kind: TaskKind
    input: TaskParameters
    def __init__(self, owner_id: _Optional[str] = ..., kind: _Optional[_Union[TaskKind, str]] = ..., input: _Optional[_Union[TaskParameters, _Mapping[str, object]]] = ...) -> None: ...

class RebuildIndexRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class IndexSize(_message.Message):
    __slots__ = ("expenses",)
    EXPENSES_FIELD_NUMBER: _ClassVar[int]
    expenses: int
    def __init__(self, expenses: _Optional[int] = ...) -> None: ...
