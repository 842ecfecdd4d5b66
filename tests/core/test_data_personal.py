"""Personal data: what is one's own is found, what only looks like it is not."""

from __future__ import annotations

import json

import pytest

from belle_core.data.personal import excerpt, find_personal, luhn, redacted

FOUND = {
    "我的手机是13812345678，晚上打": "phone",
    "请拨打 138-1234-5678。": "phone",
    "电话：+86 138 1234 5678": "phone",
    "座机（010-62345678）": "phone",
    "0571-8765 4321": "phone",
    "身份证号11010519491231002X": "id_card",
    "身份证：440524188001010014": "id_card",
    "卡号6222 0212 3456 7890 128": "bank_card",
    "visa 4111111111111111": "bank_card",
    "写信到 zhang.san@pku.edu.cn，谢谢": "email",
    "邮箱：zhang_san＠163.com": "email",
    "邮箱：ｚｈａｎｇ．ｓａｎ＠ｇｍａｉｌ．ｃｏｍ": "email",
    "手机：１３９１２３４５６７８": "phone",
    "手机：139－1234－5678": "phone",
    "手机：139—1234—5678": "phone",
    "手机：139-12345678": "phone",
    "手机：（+86）139 1234 5678": "phone",
    "手机：(86)13912345678": "phone",
    "手机：008613912345678": "phone",
    "手机：0086-139-1234-5678": "phone",
    "Tel13912345678": "phone",
    "tel.13912345678": "phone",
    "电话（010）62345678": "phone",
    "电话(0755) 2345-6789": "phone",
    "电话：01062345678": "phone",
    "电话：+86 10 6234 5678": "phone",
    "传真 021-6234 5678-801": "phone",
    "身份证１１０１０５１９４９１２３１００２Ｘ": "id_card",
    "身份证 110105 19491231 002x。": "id_card",
    "加我QQ：123456789": "account",
    "我的 QQ 号是 1234567890，加我": "account",
    "微信号：zhang_san88": "account",
    "微信：zhangsan88，备注姓名": "account",
    "vx: zhangsan88": "account",
    "WeChat ID: zhangsan88": "account",
    "护照号码：E12345678": "passport",
    "护照 G12345678 已过期": "passport",
    "电话=13812345678": "phone",
    "https://example.com/?phone=13812345678": "phone",
    "座机：62345678": "phone",
    "电话是62345678、62345679": "phone",
    "电话是64045361-3015": "phone",
    "快递员电话13812345678": "phone",
    "身份证编号：11010519491231002X": "id_card",
    "卡编号 4111111111111111": "bank_card",
}
KEPT = [
    "圆周率是3.1415926535897932384626",
    "计算 12345678901 + 98765432109",
    "110105194912310021",  # the check digit is wrong
    "110105199913320028",  # no such month
    "4111111111111112",  # Luhn says no
    "订单号 20230415123456789",
    "ISBN 978-7-302-12345-6",
    "客服电话 400-820-8820",
    "2023-04-15 12:30:45",
    "123456",
    "1 2 3 4 5 6 7 8 9 10 11 12 13",
    "v1.13812345678",
    "x13812345678y",
    "写信到 john@example.com",
    "用 @property 装饰器",
    "E=mc^2@home",
    "npm install react@18.2.0",
    "git clone git@github.com:foo/bar.git",
    "1990—2000 年间有 12345678 人",
    "（2023）12345678 号判决",
    "写信到 john@example.co.uk",
    "QQ 音乐和 QQ 2012 版",
    "微信支付、微信小程序：development guide",
    "wx.request({url: 'https://api.example.com'})",
    "护照的有效期是 10 年",
    "4600000000×3=13800000000",
    "3 * 4600000000 = 13800000000",
    "13800000000 + 1 是多少",
    "太阳的寿命是13800000000年，宽13800000000米",
    "一共花了 15000000000 元",
    "https://item.jd.com/13812345678.html",
    "订单号13812345678",
    "快递单号：13812345678",
    "订单编号为 6222021234567890128",
    "运单号 4111111111111111",
    "学号 13812345678",
    "电话会议定在 20230415 举行",
    "电话：95588",
    "热线 4008208820",
    "电话 20230415",
    "电话费一共 62345678 元",
]


@pytest.mark.parametrize(("text", "kind"), FOUND.items())
def test_what_is_ones_own_is_found_and_redacted(text, kind):
    assert [finding.kind for finding in find_personal(text)] == [kind]
    assert f"<{kind}>" in redacted(text)
    assert sum(c.isdigit() for c in redacted(text)) < 4


@pytest.mark.parametrize("text", KEPT)
def test_what_only_looks_like_it_is_kept(text):
    assert find_personal(text) == [] and redacted(text) == text


def test_what_stands_around_stays():
    assert redacted("座机（010-62345678），手机（１３９１２３４５６７８）。") == "座机（<phone>），手机（<phone>）。"


def test_several_in_one_text_in_order():
    text = "张三13812345678，zhang@qq.com，李四13987654321"
    assert redacted(text) == "张三<phone>，<email>，李四<phone>"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("010-67389898 010-67383333 010-67201818", "<phone> <phone> <phone>"),
        ("电话 138 1234 5678 139 8765 4321", "电话 <phone> <phone>"),
        ("13812345678 13987654321", "<phone> <phone>"),
        ("2023 13812345678", "2023 <phone>"),
        ("12 345 678 9012 3456", "12 345 678 9012 3456"),
        ("1 2 3 4 5 6 7 8 13812345678", "1 2 3 4 5 6 7 8 <phone>"),
    ],
)
def test_numbers_with_no_more_than_a_space_between_them(text, after):
    assert redacted(text) == after


def test_the_check_digit_of_cards():
    """Exactly one last digit is right."""
    assert [luhn(f"7992739871{digit}") for digit in range(10)] == [digit == 3 for digit in range(10)]


@pytest.mark.parametrize("text", FOUND)
def test_a_cut_never_leaves_half_of_what_is_ones_own(text):
    """Wherever evidence is cut, nothing of it is left, though it was the words before that told what it is."""
    (finding,) = find_personal(text)
    own = text[finding.start : finding.end]
    long = "前" * 30 + text + "后" * 30
    for start in range(len(long)):
        for around in (0, 3, 8):
            left = excerpt(long, start, start + 5, around=around)
            assert not any(own[at : at + 4] in left for at in range(len(own) - 3)), (start, around, left)


@pytest.mark.parametrize(
    "name", ["math/ape210k_valid.jsonl", "math/gsm8k_train_first2000.jsonl", "belle/school_math_dev1K.jsonl"]
)
def test_mathematics_is_nobodys_own(shared, name):
    """Thousands of real problems and solutions hold none."""
    lines = (shared / "data" / name).read_text(encoding="utf-8").splitlines()
    texts = [value for line in lines for value in json.loads(line).values() if isinstance(value, str)]
    assert len(texts) >= 2000 and [text for text in texts if find_personal(text)] == []
